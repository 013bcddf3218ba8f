"""The entries of an archive of any format, their number and their names."""

from dataclasses import dataclass, replace

from core.archive import name_encodings
from core.errors import BadArchive, LimitExceeded
from core.settings import Settings

MAKE_AGAIN = "Make the archive again."
STORED, DEFLATED = 0, 8
"""Compression methods of a zip."""
NAME_BYTES = 4_096


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an archive, unchecked.

    Attributes:
        name: decoded, otherwise unchanged.
        raw_name: bytes of the name.
        encoding: guessed, where the archive does not declare it and it is not UTF-8; else empty.
        offset: of the packed bytes.
        packed: size in the archive, in bytes.
        size: declared unpacked size, in bytes.
        checksum: declared CRC-32 of the unpacked bytes; None if the archive has none.
        mode: Unix file type and permissions; 0 where the archive was made on another system.
        method: compression method of a zip.
        is_misplaced: whether its local header contradicts the directory of the zip.
    """

    name: str
    raw_name: bytes
    offset: int
    packed: int
    size: int
    checksum: int | None
    mode: int
    method: int = STORED
    encoding: str = ""
    is_misplaced: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return self.name.endswith(("/", "\\"))


def check_count(count: int, limits: Settings) -> None:
    """Check the number of entries of an archive or folder.

    Raises:
        LimitExceeded: more than allowed.
    """
    if count > limits.archive_entries:
        raise LimitExceeded(
            f"An archive or folder may have up to {limits.archive_entries:,} entries; this one has "
            f"at least {count:,}. Leave some out, or raise {Settings.variable('archive_entries')}."
        )


def decode_name(raw: bytes) -> tuple[str, str]:
    """The name, and the encoding if that is a guess: many tools write UTF-8 without saying so.

    Raises:
        BadArchive: the name is too long.
    """
    if len(raw) > NAME_BYTES:
        raise BadArchive(f"A name in this archive has {len(raw):,} bytes. Shorten it.")
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        return raw.decode(name_encodings.FALLBACK), name_encodings.FALLBACK


def with_names(entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    """Decode names whose encoding the archive does not declare.

    Returns:
        The entries, and the encodings that fit all of these names; the first was used.
    """
    unmarked = [entry.raw_name for entry in entries if entry.encoding]
    encodings = name_encodings.plausible(unmarked) if unmarked else []
    encoding = next(iter(encodings), name_encodings.FALLBACK)
    decoded = [
        replace(entry, name=entry.raw_name.decode(encoding), encoding=encoding)
        if entry.encoding
        else entry
        for entry in entries
    ]
    return decoded, encodings
