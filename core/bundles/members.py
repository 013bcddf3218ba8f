"""Find the four files of a bundle that are read; nothing else in the zip is opened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from core.archive import directory, extraction
from core.archive.inspection import ZippedFile, list_files
from core.errors import BadArchive, BadBundle, LimitExceeded
from core.model import storage
from core.settings import MEGABYTE, Settings

READ = (storage.MODEL, storage.WEIGHTS, storage.OOD, storage.APPEARANCE)
ENTRIES = 200
"""Most files in a bundle; Tusker writes about thirty."""


@dataclass(frozen=True)
class Member:
    """One of the files that are read."""

    name: str
    _file: IO[bytes]
    _zipped: ZippedFile

    @property
    def size(self) -> int:
        """Declared size in bytes."""
        return self._zipped.entry.size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes in small chunks, exactly as many as declared.

        Raises:
            BadArchive: the file is damaged or contradicts the zip's directory.
        """
        return extraction.read(self._file, self._zipped)


def find(file: IO[bytes], settings: Settings) -> dict[str, Member]:
    """The files that are read, by name, from the zip's directory alone.

    Raises:
        BadArchive: no zip, or an unsafe one: encrypted, with names that climb or occur twice,
            links, or entries that share bytes.
        BadBundle: it lacks a file that every bundle has.
        LimitExceeded: it is larger than this host allows.
    """
    length = file.seek(0, 2)
    if length > settings.archive_bytes:
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
    found = directory.find(file, settings)
    if found.count > ENTRIES:
        raise BadBundle(
            f"Expected a bundle of at most {ENTRIES} files, found {found.count:,}. Leave all but "
            f"{', '.join(READ)} out of it."
        )
    files = list_files(list(directory.entries(file, found)), found.start)
    members = {zipped.name: Member(zipped.name, file, zipped) for zipped in files}
    missing = [name for name in (storage.MODEL, storage.WEIGHTS) if name not in members]
    if missing:
        raise BadBundle(
            f"Expected a bundle, the zip that a report offers to download; found a zip without "
            f"{' and '.join(missing)}."
        )
    return {name: members[name] for name in READ if name in members}
