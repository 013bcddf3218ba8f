"""Check the entries of an untrusted archive before any of them is unpacked."""

import re
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from core.archive.entry import DEFLATED, MAKE_AGAIN, STORED, Entry
from core.errors import BadArchive, LimitExceeded
from core.settings import MEGABYTE, Settings

RATIO_BYTES = 64 * MEGABYTE
"""Up to this size, a high ratio comes from empty pictures rather than from an attack."""
AVERAGE_NAME_BYTES = 256
"""Limit of the bytes of all names, per allowed entry: names are compared in many ways."""
DEEPEST = 50
"""Parts of a name; what is inferred from folders costs memory and time for each."""
CLUTTER = "A file that the operating system or a photo service keeps for itself."
LINK = "A link or a device. Put the picture itself in its place."
LINKED_FOLDER = "A link to a folder, which is not followed. Put the folder itself in its place."
CLOSED = "A folder that may not be opened. Change its permissions, or move the pictures."
SAME_NAME = "Another file of this archive has the same name."

CLUTTER_NAMES = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "@eadir"}
CLUTTER_NAMES |= {"$recycle.bin", "#recycle", "@recycle", "system volume information", "lost+found"}
# Google Takeout's file about a picture, cut where its name would be too long: `1.jpg.suppl.json`.
_SIDECAR = re.compile(r"\.[a-z]{3,4}\.(?P<kind>s[a-z-]*)(\(\d+\))?\.json$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listing:
    """What an archive contains.

    Attributes:
        files: those that passed the checks, with cleaned names, in the order of the directory.
        folders: names of the folders that have an entry.
        left_out: names of the files that are left out → the reason.
    """

    files: list[Entry]
    folders: list[str]
    left_out: dict[str, str]


def list_files(entries: Sequence[Entry]) -> Listing:
    """Check all entries of an archive and list them.

    Raises:
        BadArchive: an entry is unsafe or cannot be read.
    """
    listing = Listing([], [], {})
    names: set[str] = set()
    for entry in entries:
        name = clean(entry.name)
        reason = _check(entry) or (CLUTTER if is_clutter(name) else "")
        if not name:
            continue
        if entry.is_folder:
            listing.folders.append(name)
            continue
        key = unicodedata.normalize("NFC", name)
        if reason or key in names:
            listing.left_out[name] = reason or SAME_NAME
            continue
        if entry.is_misplaced:
            raise BadArchive(f"This zip contradicts itself about {name}. {MAKE_AGAIN}")
        names.add(key)
        listing.files.append(replace(entry, name=name))
    return listing


def clean(name: str) -> str:
    """Check a name and remove its empty parts: `./flowers//rose/1.jpg` → `flowers/rose/1.jpg`.

    Backslashes separate folders, as some tools on Windows write them.

    Raises:
        BadArchive: the name is absolute, contains `..` or has too many folders.
    """
    if "\0" in name:
        raise BadArchive(f"A name in this archive contains a zero byte. {MAKE_AGAIN}")
    name = name.replace("\\", "/")
    parts = name.split("/")
    drive = len(name) >= 2 and name[1] == ":" and name[0].isascii() and name[0].isalpha()
    if name.startswith("/") or ".." in parts or drive:
        raise BadArchive(
            f"Names in an archive must stay inside it; this one may lead out: {name}. {MAKE_AGAIN}"
        )
    parts = [part for part in parts if part not in ("", ".")]
    if len(parts) > DEEPEST:
        raise BadArchive(
            f"Files may be in up to {DEEPEST - 1} folders; {name[:60]}… is in {len(parts) - 1:,}. "
            f"{MAKE_AGAIN}"
        )
    return "/".join(parts)


def is_clutter(name: str) -> bool:
    """Whether a file is hidden or one that operating systems and Google Takeout leave behind.

    The hidden file in the place of a picture that is still in iCloud is not.
    """
    sidecar = _SIDECAR.search(name)
    if sidecar and "supplemental-metadata".startswith(sidecar["kind"].lower()):
        return True
    return not name.endswith(".icloud") and any(
        part.startswith(".") or part.casefold() in CLUTTER_NAMES
        for part in PurePosixPath(name).parts
    )


def check_sizes(entries: Sequence[Entry], length: int, settings: Settings) -> None:
    """Check names and declared unpacked sizes of all entries of an archive with `length` bytes.

    Raises:
        BadArchive: all names together are too long.
        LimitExceeded: the sizes are too large.
    """
    names = sum(len(entry.raw_name) for entry in entries)
    if names > (most := AVERAGE_NAME_BYTES * settings.archive_entries):
        raise BadArchive(
            f"The names in this archive have {names:,} bytes together; at most {most:,} are read. "
            "Shorten them."
        )
    check_total(sum(entry.size for entry in entries), length, settings)


def check_total(total: int, length: int, settings: Settings) -> None:
    """Check the declared unpacked size of an archive with `length` bytes.

    Raises:
        LimitExceeded: it is too large, by itself or compared with the archive.
    """
    if total > settings.expanded_megabytes * MEGABYTE:
        raise LimitExceeded(
            f"The files of an archive may have up to {settings.expanded_megabytes:,} MB; these "
            f"have {total / MEGABYTE:,.0f}. Leave some pictures out, or raise "
            f"{Settings.variable('expanded_megabytes')}."
        )
    if total > RATIO_BYTES and total > length * settings.expansion_ratio:
        raise LimitExceeded(
            f"Files in an archive may have up to {settings.expansion_ratio} times its size; here "
            f"they would have {total / length:,.0f} times. Pack ordinary pictures, or raise "
            f"{Settings.variable('expansion_ratio')}."
        )


def _check(entry: Entry) -> str:
    """The reason if an entry is left out, or an empty string.

    Raises:
        BadArchive: the entry is unsafe or cannot be read.
    """
    kinds = (0, stat.S_IFREG, stat.S_IFDIR) if entry.is_folder else (0, stat.S_IFREG)
    if stat.S_IFMT(entry.mode) not in kinds:
        return LINK
    if entry.method not in (STORED, DEFLATED) and not entry.is_folder:
        raise BadArchive(
            f"{entry.name} is packed by method {entry.method}; only stored and deflate are read. "
            "Make the zip with the system's own tool."
        )
    if entry.method == STORED and entry.size != entry.packed:
        raise BadArchive(f"This zip gives two sizes for {entry.name}. {MAKE_AGAIN}")
    return ""
