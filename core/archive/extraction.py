"""Take pictures out of an untrusted zip: the only extractor.

The directory is judged whole before anything is written. Refused are archives with more
entries or bytes than the settings allow, encryption, packing other than stored and deflate,
links and devices, names that climb, are absolute or equal up to capitals, and entries that
overlap. Left out, and listed, are the clutter of operating systems, archives inside the
archive and members whose bytes are damaged. Names from the archive never reach the disk.
"""

import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from core.archive import directory
from core.archive.directory import AGAIN, Entry
from core.archive.inspection import DEFLATED, clean, inspect
from core.errors import BadArchive, LimitExceeded, NotEnoughResources
from core.settings import MEGABYTE, Settings

Progress = Callable[[str, int, int], None]

CHUNK = 1 << 16
ARCHIVES = (b"PK\3\4", b"PK\5\6", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")

CLUTTERED = "A file that the operating system keeps for itself."
NESTED = "An archive inside the archive. Put its pictures into folders instead."
DAMAGED = "Damaged inside the zip. Make the zip again."


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Member(_Frozen):
    """A file that was taken out: its name as the archive has it, and where it now is."""

    name: str
    path: Path


class Skipped(_Frozen):
    """A file that was left out, and why, in a sentence."""

    name: str
    reason: str


class Extraction(_Frozen):
    """What came out of an archive, in the archive's order."""

    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...]


def extract(
    archive: Path, destination: Path, settings: Settings, progress: Progress | None = None
) -> Extraction:
    """Write the files of a zip into a folder, under generated names.

    Args:
        archive: the zip, as it was uploaded.
        destination: folder to write to; made if missing. On refusal, all that was written
            is removed again.
        settings: the limits.
        progress: called with ("Unpacking", files done, files in all); may raise.

    Raises:
        BadArchive: the zip is damaged or unsafe.
        LimitExceeded: it holds more than this host allows.
        NotEnoughResources: it does not fit on the disk.
    """
    deadline = time.monotonic() + settings.intake_seconds
    made = not destination.exists()
    written: list[Path] = []
    try:
        with archive.open("rb") as file:
            wanted, clutter = inspect(file, settings)
            skipped = [Skipped(name=name, reason=CLUTTERED) for name in clutter]
            destination.mkdir(parents=True, exist_ok=True)
            _need_room(destination, sum(entry.size for _, entry, _ in wanted))
            members = []
            for done, (name, entry, end) in enumerate(wanted):
                if progress and done % 50 == 0:
                    progress("Unpacking", done, len(wanted))
                path = destination / f"{done:06d}"
                written.append(path)
                reason = _unpack(file, entry, end, path, deadline=deadline, settings=settings)
                if reason:
                    path.unlink(missing_ok=True)
                    skipped.append(Skipped(name=name, reason=reason))
                else:
                    members.append(Member(name=name, path=path))
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        if made:
            shutil.rmtree(destination, ignore_errors=True)
        raise
    return Extraction(members=tuple(members), skipped=tuple(skipped))


def pack(files: Iterable[tuple[str, IO[bytes]]], archive: Path, settings: Settings) -> None:
    """Write the files of an uploaded folder into a zip, so that a worker takes in one thing only.

    Args:
        files: names with their folders, and streams; each stream is read once, in pieces.
        archive: the zip to write; removed again on refusal.

    Raises:
        BadArchive: a name that could lead out of a folder.
        LimitExceeded: more files or bytes than a zip may have.
    """
    total = 0
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
            for number, (name, stream) in enumerate(files, 1):
                if number > settings.archive_entries:
                    raise LimitExceeded(
                        f"A folder may have up to {settings.archive_entries:,} files. Leave some "
                        f"out, or raise {Settings.variable('archive_entries')}."
                    )
                info = zipfile.ZipInfo(clean(name, windows=True))
                with target.open(info, "w", force_zip64=True) as out:
                    for chunk in iter(lambda: stream.read(CHUNK), b""):  # noqa: B023  # used at once
                        total += len(chunk)
                        if total > settings.archive_bytes:
                            raise LimitExceeded(
                                f"A folder may have up to {settings.archive_megabytes} MB. Make "
                                "the pictures smaller, or raise "
                                f"{Settings.variable('archive_megabytes')}."
                            )
                        out.write(chunk)
    except BaseException:
        archive.unlink(missing_ok=True)
        raise


def _unpack(
    file: IO[bytes], entry: Entry, end: int, path: Path, *, deadline: float, settings: Settings
) -> str | None:
    """Write one entry's bytes; a reason where it has to be left out."""
    start = directory.content(file, entry)
    if start + entry.packed > end:
        raise BadArchive(f"{entry.name} overlaps something else in this zip. {AGAIN}")
    if entry.size > settings.picture_bytes:
        return (
            f"Larger than {settings.picture_megabytes} MB. Make it smaller, or raise "
            f"{Settings.variable('picture_megabytes')}."
        )
    checksum = count = 0
    try:
        with path.open("xb") as out:
            for chunk in chunks(file, start, entry):
                if not count and chunk.startswith(ARCHIVES):
                    return NESTED
                count += len(chunk)
                if count > entry.size:
                    raise BadArchive(f"{entry.name} is larger than this zip says. {AGAIN}")
                if time.monotonic() > deadline:
                    raise LimitExceeded(
                        f"Taking in a zip may last {settings.intake_seconds} s. Leave some "
                        f"pictures out, or raise {Settings.variable('intake_seconds')}."
                    )
                checksum = zlib.crc32(chunk, checksum)
                out.write(chunk)
    except zlib.error:
        return DAMAGED
    return None if count == entry.size and checksum == entry.checksum else DAMAGED


def chunks(file: IO[bytes], start: int, entry: Entry) -> Iterator[bytes]:
    """The entry's own bytes from `start` on, never more than a chunk of them in memory.

    Raises:
        zlib.error: they are damaged.
    """
    file.seek(start)
    left = entry.packed
    engine = zlib.decompressobj(-zlib.MAX_WBITS) if entry.method == DEFLATED else None
    while left:
        packed = file.read(min(CHUNK, left))
        if not packed:
            return
        left -= len(packed)
        if engine is None:
            yield packed
            continue
        while packed and not engine.eof:
            if chunk := engine.decompress(packed, CHUNK):
                yield chunk
            packed = engine.unconsumed_tail
    if engine and not engine.eof and (rest := engine.flush()):
        yield rest


def _need_room(folder: Path, count: int) -> None:
    free = shutil.disk_usage(folder).free
    if count + 256 * MEGABYTE > free:
        raise NotEnoughResources(
            f"Unpacking needs {count / MEGABYTE:,.0f} MB of disk; {free / MEGABYTE:,.0f} MB are "
            "free. Try again later, or with fewer pictures."
        )
