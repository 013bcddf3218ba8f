"""Find the four files of a bundle that are read; nothing else in the zip is opened."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from core.archive import directory, extraction, inspection
from core.archive.directory import AGAIN, Entry
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
    _entry: Entry
    _end: int

    @property
    def size(self) -> int:
        """Bytes that it says it expands to."""
        return self._entry.size

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a few at a time, exactly as many as it says.

        Raises:
            BadArchive: it is damaged, or not as long as it says.
        """
        start = directory.content(self._file, self._entry)
        if start + self._entry.packed > self._end:
            raise BadArchive(f"{self.name} overlaps something else in this zip. {AGAIN}")
        count = checksum = 0
        try:
            for chunk in extraction.chunks(self._file, start, self._entry):
                count += len(chunk)
                if count > self.size:
                    raise BadArchive(f"{self.name} is larger than this zip says. {AGAIN}")
                checksum = zlib.crc32(chunk, checksum)
                yield chunk
        except zlib.error as error:
            raise BadArchive(f"{self.name} is damaged inside the zip. {AGAIN}") from error
        if count != self.size or checksum != self._entry.checksum:
            raise BadArchive(f"{self.name} is damaged inside the zip. {AGAIN}")


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
    members = _members(file, list(directory.entries(file, found)), found.start)
    missing = [name for name in (storage.MODEL, storage.WEIGHTS) if name not in members]
    if missing:
        raise BadBundle(
            f"Expected a bundle, the zip that a report offers to download; found a zip without "
            f"{' and '.join(missing)}."
        )
    return members


def _members(file: IO[bytes], listed: list[Entry], start: int) -> dict[str, Member]:
    ends = inspection.ends(listed, start)
    members: dict[str, Member] = {}
    seen: set[str] = set()
    for entry, end in zip(listed, ends, strict=True):
        name = inspection.clean(entry.name, windows=entry.system in (0, 10, 11))
        folder = entry.name.endswith(("/", "\\"))
        inspection.check_entry(entry, folder=folder)
        if folder or not name:
            continue
        key = unicodedata.normalize("NFC", name).casefold()
        if key in seen:
            raise BadArchive(f"Two files in this zip are called {name}. {AGAIN}")
        seen.add(key)
        if name in READ:
            members[name] = Member(name, file, entry, end)
    return members
