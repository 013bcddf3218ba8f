"""Judge a zip by its directory, before a byte of it is unpacked."""

import stat
import unicodedata
from pathlib import PurePosixPath
from typing import IO

from core.archive import directory
from core.archive.directory import AGAIN, Entry
from core.errors import BadArchive, LimitExceeded
from core.settings import MEGABYTE, Settings

# Below these sizes a high ratio is an empty picture, not an attack.
RATIO_ENTRY_BYTES = 4 * MEGABYTE
RATIO_ARCHIVE_BYTES = 64 * MEGABYTE
STORED, DEFLATED = 0, 8
ENCRYPTED = 1 | 1 << 6 | 1 << 13

CLUTTER = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"}


def inspect(file: IO[bytes], settings: Settings) -> tuple[list[tuple[str, Entry, int]], list[str]]:
    """Judge an archive by its directory alone.

    Returns:
        The files to unpack, each with its cleaned name and the byte it must end before, and
        the names of clutter to leave out.

    Raises:
        BadArchive, LimitExceeded: as in `extract`.
    """
    length = file.seek(0, 2)
    if length > settings.archive_bytes:
        raise LimitExceeded(
            f"A zip may have up to {settings.archive_megabytes} MB; this one has "
            f"{length / MEGABYTE:.0f}. Make the pictures smaller, or raise "
            f"{Settings.variable('archive_megabytes')}."
        )
    found = directory.find(file, settings)
    listed = list(directory.entries(file, found))
    _check_sizes(listed, length, settings)
    places = ends(listed, found.start)
    wanted, clutter = [], []
    seen: dict[str, str] = {}
    for entry, end in zip(listed, places, strict=True):
        name = clean(entry.name, windows=entry.system in (0, 10, 11))
        folder = entry.name.endswith(("/", "\\"))
        check_entry(entry, folder=folder)
        if folder or not name:
            continue
        other = seen.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other is not name:
            raise BadArchive(
                f"Two files in this zip have the same name, capitals apart: {other} and {name}. "
                "Rename one."
            )
        if is_clutter(name):
            clutter.append(name)
        else:
            wanted.append((name, entry, end))
    return wanted, clutter


def clean(name: str, *, windows: bool = False) -> str:
    """Check a name and drop what says nothing: `./flowers//rose/1.jpg` → `flowers/rose/1.jpg`.

    Args:
        name: as the archive has it.
        windows: the archive was made on Windows, where some tools write backslashes.

    Raises:
        BadArchive: a name that could lead out of a folder.
    """
    if "\0" in name:
        raise BadArchive(f"A name in this zip holds a zero byte. {AGAIN}")
    if windows:
        name = name.replace("\\", "/")
    parts = name.split("/")
    drive = len(name) >= 2 and name[1] == ":" and name[0].isascii() and name[0].isalpha()
    if name.startswith("/") or ".." in parts or drive or "\\" in name:
        raise BadArchive(
            f"Names in a zip must stay inside it; this one may lead out: {name}. {AGAIN}"
        )
    return "/".join(part for part in parts if part not in ("", "."))


def is_clutter(name: str) -> bool:
    """Whether a name is hidden or one of those that operating systems leave behind."""
    return any(
        part.startswith(".") or part.casefold() in CLUTTER for part in PurePosixPath(name).parts
    )


def _check_sizes(listed: list[Entry], length: int, settings: Settings) -> None:
    """What the entries say they expand to, each and together."""
    total = sum(entry.size for entry in listed)
    if total > settings.expanded_bytes:
        raise LimitExceeded(
            f"A zip may expand to {settings.expanded_megabytes:,} MB; this one says "
            f"{total / MEGABYTE:,.0f}. Leave some pictures out, or raise "
            f"{Settings.variable('expanded_megabytes')}."
        )
    ratio = settings.expansion_ratio
    worst = max((e for e in listed if e.size > RATIO_ENTRY_BYTES), key=_ratio, default=None)
    if (worst and _ratio(worst) > ratio) or (
        total > RATIO_ARCHIVE_BYTES and total > ratio * length
    ):
        raise LimitExceeded(
            f"Files in a zip may expand to {ratio} times their packed size; here they would to "
            f"{max(total / length, _ratio(worst) if worst else 0):,.0f} times. Pack ordinary "
            f"pictures, or raise {Settings.variable('expansion_ratio')}."
        )


def _ratio(entry: Entry) -> float:
    return entry.size / max(entry.packed, 1)


def check_entry(entry: Entry, *, folder: bool) -> None:
    """Refuse what is no plain file that can be read.

    Raises:
        BadArchive: it is encrypted, a link or a device, or packed in an unusual way.
    """
    if entry.flags & ENCRYPTED:
        raise BadArchive("This zip is encrypted. Make it without a password.")
    kind = stat.S_IFMT(entry.kind)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (kind == stat.S_IFDIR and not folder):
        raise BadArchive(
            f"A zip may hold files and folders only; {entry.name} is a link or a device. Put the "
            "file itself in its place."
        )
    if entry.method not in (STORED, DEFLATED) and not folder:
        raise BadArchive(
            f"{entry.name} is packed by method {entry.method}; only stored and deflate are read. "
            "Make the zip with the system's own tool."
        )
    if entry.method == STORED and entry.size != entry.packed:
        raise BadArchive(f"This zip says two sizes of {entry.name}. {AGAIN}")


def ends(listed: list[Entry], directory: int) -> list[int]:
    """The byte that each entry must end before.

    Raises:
        BadArchive: two entries share bytes.

    Source: D. Fifield, "A better zip bomb", 2019.
    """
    order = sorted(range(len(listed)), key=lambda index: listed[index].offset)
    found, limit = [0] * len(listed), directory
    for index in reversed(order):
        entry = listed[index]
        found[index] = limit
        if entry.offset + 30 + len(entry.raw_name) + entry.packed > limit:
            raise BadArchive(f"{entry.name} overlaps something else in this zip. {AGAIN}")
        limit = entry.offset
    return found
