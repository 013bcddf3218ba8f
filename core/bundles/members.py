"""Find the files of a bundle that an import reads; no other file in the zip is opened."""

from dataclasses import dataclass
from typing import IO

from core.archive import unpacking, zip_directory
from core.archive.entry import Entry
from core.archive.inspection import CLUTTER, list_files
from core.errors import BadArchive, BadBundle, LimitExceeded
from core.model import storage
from core.settings import MEGABYTE, Settings

SPLIT = "split.json"
READ = (storage.MODEL, storage.WEIGHTS, storage.OOD, storage.APPEARANCE, storage.LEARNED, SPLIT)
ENTRIES = 200
"""Largest number of files in a bundle; Tusker writes about thirty."""


@dataclass(frozen=True)
class Member:
    """A file of a bundle that an import reads."""

    name: str
    _file: IO[bytes]
    _entry: Entry

    def read(self, most: int) -> bytes:
        """The content, at most `most` bytes, which has exactly the declared length.

        Raises:
            BadArchive: the file is damaged or contradicts the zip's directory.
            BadBundle: the file is larger; nothing was read.
        """
        size = self._entry.size
        if size > most:
            raise BadBundle(
                f"{self.name} of this bundle says it has {size:,} bytes; such a model has at most "
                f"{most:,}."
            )
        return b"".join(unpacking.read(self._file, self._entry))


def find(file: IO[bytes], settings: Settings) -> dict[str, Member]:
    """The files that an import reads, by name; only the zip's directory is parsed.

    Raises:
        BadArchive: not a zip, or an unsafe one: encrypted, unsafe or duplicate names, links, or
            overlapping entries.
        BadBundle: a file that every bundle has is missing.
        LimitExceeded: the zip is larger than this host allows.
    """
    length = file.seek(0, 2)
    if length > settings.archive_megabytes * MEGABYTE:
        raise LimitExceeded(
            f"Expected a bundle of at most {settings.archive_megabytes} MB, found "
            f"{length / MEGABYTE:.0f} MB. Leave all but {', '.join(READ)} out of it, or raise "
            f"{Settings.variable('archive_megabytes')}."
        )
    file.seek(0)
    if file.read(2) != b"PK":
        raise BadArchive(
            "Expected a bundle, the zip that a report offers to download; found another kind of "
            "file."
        )
    entries = zip_directory.entries(file, settings)
    if len(entries) > ENTRIES:
        raise BadBundle(
            f"Expected a bundle of at most {ENTRIES} files, found {len(entries):,}. Leave all but "
            f"{', '.join(READ)} out of it."
        )
    listing = list_files(entries)
    for name, reason in listing.left_out.items():
        if reason != CLUTTER:
            raise BadBundle(f"{name} in this bundle cannot be read. {reason}")
    members = {entry.name: Member(entry.name, file, entry) for entry in listing.files}
    missing = [name for name in (storage.MODEL, storage.WEIGHTS) if name not in members]
    if missing:
        raise BadBundle(
            f"Expected a bundle, the zip that a report offers to download; found a zip without "
            f"{' and '.join(missing)}."
        )
    return {name: members[name] for name in READ if name in members}
