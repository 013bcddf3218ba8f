"""Extract the files of an untrusted zip, tar or 7z.

All entries are checked before any file is written. An archive is refused if it exceeds the
limits on entries, bytes or compression ratio, is encrypted, uses a method other than stored or
deflate, or has overlapping entries or names that are absolute or contain `..`. Links, second files
of the same name, files of operating systems, archives inside the archive and damaged files are
skipped and reported. Files are written under generated names.
"""

import bisect
import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from pydantic import BaseModel

from core.archive import coders, sevenzip, tarball, zip_directory
from core.archive.entry import DEFLATED, MAKE_AGAIN, Entry, check_count, with_names
from core.archive.inspection import Listing, check_sizes, clean, is_clutter, list_files
from core.errors import BadArchive, LimitExceeded
from core.settings import MEGABYTE, Settings
from core.system import capacity
from core.system.files import CHUNK
from core.system.progress import Progress, ignore

SIGNATURES = (b"PK\3\4", b"PK\5\6", b"7z\xbc\xaf", *zip_directory.OTHER_FORMATS)

SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods", ".numbers", ".gsheet")
SPREADSHEET = "A spreadsheet. Save it as CSV."
NESTED = "An archive inside the archive. Put its pictures into folders instead."
OTHER_FILE = "Not a picture."
"""Of files with the extension of something else, such as tables and texts."""
# Documents, models and arrays are zips or compressed, too: `.docx`, `.keras`, `.npz`, `.nii.gz`.
_PACKED = re.compile(r"(^|/)[^.]*$|\.(zip|7z|rar|tm|tar|tgz|tar\.\w+|jpe?g|png)$", re.IGNORECASE)
DAMAGED = f"Damaged inside the archive. {MAKE_AGAIN}"


class Member(BaseModel, frozen=True):
    """An extracted file: its name in the archive and its path on disk."""

    name: str
    path: Path


class Skipped(BaseModel, frozen=True):
    """A skipped file: its name and the reason, one sentence."""

    name: str
    reason: str


class Extraction(BaseModel, frozen=True):
    """The files of an archive, in the archive's order.

    Attributes:
        empty_folders: folders with no file in them or below.
        unmarked: names of files of which the archive does not say how they are encoded.
        encodings: in which these look like words, the one that was used first.
    """

    members: tuple[Member, ...]
    skipped: tuple[Skipped, ...]
    empty_folders: tuple[str, ...] = ()
    unmarked: frozenset[str] = frozenset()
    encodings: tuple[str, ...] = ()


class DamagedFile(BadArchive):
    """A file inside the archive does not match its size or checksum."""


def extract(
    archive: Path, destination: Path, settings: Settings, progress: Progress = ignore
) -> Extraction:
    """Extract the files of a zip, tar or 7z under generated names.

    Args:
        destination: folder to write to, created if missing. Nothing is left there on an error.

    Raises:
        BadArchive: the archive is damaged or unsafe.
        LimitExceeded: it exceeds a limit.
        NotEnoughResources: the files do not fit on the disk.
    """
    deadline = time.monotonic() + settings.intake_seconds
    is_new = not destination.exists()
    written: list[Path] = []
    members = []
    try:
        with archive.open("rb") as file:
            stream, listing, encodings = _checked_files(file, settings)
            skipped = [Skipped(name=name, reason=why) for name, why in listing.left_out.items()]
            files = listing.files
            destination.mkdir(parents=True, exist_ok=True)
            capacity.require_disk(destination, sum(entry.size for entry in files))
            for number, entry in enumerate(files):
                if number % 50 == 0:
                    progress("Unpacking", number, len(files))
                path = destination / f"{number:06d}"
                written.append(path)
                if reason := _write(read(stream, entry), entry, path, deadline, settings):
                    path.unlink(missing_ok=True)
                    skipped.append(Skipped(name=entry.name, reason=reason))
                else:
                    members.append(Member(name=entry.name, path=path))
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        if is_new:
            shutil.rmtree(destination, ignore_errors=True)
        raise
    return Extraction(
        members=tuple(members),
        skipped=tuple(skipped),
        empty_folders=empty_folders(listing.folders, [entry.name for entry in files]),
        unmarked=frozenset(entry.name for entry in files if entry.encoding),
        encodings=tuple(encodings),
    )


def empty_folders(folders: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
    """The folders with no file in them or below, without clutter."""
    folders = [folder for folder in folders if not is_clutter(folder)]
    names = sorted((*files, *folders))
    # What is in a folder follows its name and a slash.
    following = (bisect.bisect_left(names, f"{folder}/") for folder in folders)
    return tuple(
        folder
        for folder, at in zip(folders, following, strict=True)
        if at == len(names) or not names[at].startswith(f"{folder}/")
    )


def read(stream: coders.Stream, entry: Entry) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file in small chunks, at most as many as declared.

    Args:
        stream: a zip, or the unpacked bytes of a tar or 7z.

    Raises:
        BadArchive: the file is larger than declared.
        DamagedFile: its size or checksum is wrong.
    """
    packed = coders.pieces(stream, entry.offset, entry.packed)
    count = checksum = 0
    for chunk in coders.inflated(packed) if entry.method == DEFLATED else packed:
        count += len(chunk)
        if count > entry.size:
            raise BadArchive(f"{entry.name} is larger than this zip says. {MAKE_AGAIN}")
        checksum = zlib.crc32(chunk, checksum)
        yield chunk
    if count != entry.size or entry.checksum not in (None, checksum):
        raise DamagedFile(f"{entry.name} is damaged inside the archive. {MAKE_AGAIN}")


def pack(files: Iterable[tuple[str, IO[bytes]]], archive: Path, settings: Settings) -> None:
    """Write names and streams of an uploaded folder into an uncompressed zip, removed on an error.

    Each stream is read once, in chunks.

    Raises:
        BadArchive: a name is absolute or contains `..`.
        LimitExceeded: more files or bytes than a zip may have.
    """
    size = 0
    try:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
            for number, (name, stream) in enumerate(files, 1):
                check_count(number, settings)
                info = zipfile.ZipInfo(clean(name))
                with target.open(info, "w", force_zip64=True) as out:
                    size = copy(stream, out, settings, size)
    except BaseException:
        archive.unlink(missing_ok=True)
        raise


def write_zip(file: IO[bytes] | Path, pictures: Iterable[tuple[str, bytes | Path]]) -> None:
    """Write pictures, each with its name and its content or path, into an uncompressed zip."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        for name, content in pictures:
            if isinstance(content, Path):
                target.write(content, name)
            else:
                target.writestr(name, content)


def copy(stream: IO[bytes], target: IO[bytes], settings: Settings, size: int = 0) -> int:
    """Copy an uploaded file in chunks.

    Args:
        size: bytes of the same upload that were copied before.

    Returns:
        The size with this file.

    Raises:
        LimitExceeded: the upload is larger than an archive may be.
    """
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        _check_size(size, settings)
        target.write(chunk)
    return size


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.archive_megabytes * MEGABYTE:
        raise LimitExceeded(
            f"An archive or upload may have up to {settings.archive_megabytes} MB; this one has "
            f"more. Make the pictures smaller, or raise {Settings.variable('archive_megabytes')}."
        )


def _checked_files(file: IO[bytes], settings: Settings) -> tuple[coders.Stream, Listing, list[str]]:
    """The stream for `read`, the checked files, and the encodings that fit their names."""
    length = file.seek(0, 2)
    _check_size(length, settings)
    stream: coders.Stream
    if tarball.is_tar(file):
        stream, entries = tarball.open_tar(file, length, settings)
    elif sevenzip.is_7z(file):
        stream, entries = sevenzip.open_7z(file, length, settings)
    else:
        stream, entries = file, zip_directory.entries(file, settings)
    check_sizes(entries, length, settings)
    entries, encodings = with_names(entries)
    return stream, list_files(entries), encodings


def _write(
    chunks: Iterable[bytes],
    entry: Entry,
    path: Path,
    deadline: float,
    settings: Settings,
) -> str | None:
    """Write one file; returns the reason if the file has to be skipped."""
    if entry.size > settings.picture_megabytes * MEGABYTE:
        return (
            f"Larger than {settings.picture_megabytes} MB. Make it smaller, or raise "
            f"{Settings.variable('picture_megabytes')}."
        )
    try:
        with path.open("xb") as out:
            for number, chunk in enumerate(chunks):
                if number == 0 and chunk.startswith(SIGNATURES):
                    if entry.name.lower().endswith(SPREADSHEETS):
                        return SPREADSHEET
                    return NESTED if _PACKED.search(entry.name) else OTHER_FILE
                if time.monotonic() > deadline:
                    raise LimitExceeded(
                        f"Unpacking an archive may take up to {settings.intake_seconds} s. Leave "
                        f"some pictures out, or raise {Settings.variable('intake_seconds')}."
                    )
                out.write(chunk)
    except DamagedFile:
        return DAMAGED
    return None
