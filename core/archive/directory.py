"""Read a zip's directory without trusting it, and without reading more than its size allows."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from core.errors import BadArchive, LimitExceeded
from core.settings import Settings

AGAIN = "Make the zip again."
NAME_BYTES = 4_096

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL, _LOCAL = b"PK\1\2", b"PK\3\4"
_END_BYTES, _COMMENT_BYTES = 22, 65_535
_WIDE = ((0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFF, 4))  # mark, bytes
_OTHER = {
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the directory, as it says of itself.

    Attributes:
        name: decoded, otherwise untouched.
        raw_name: as the file has it.
        offset: where its local header is, in bytes from the file's start.
        packed: bytes in the archive.
        size: bytes it says it expands to.
        kind: Unix file type and mode, 0 where the system that made it has none.
        system: which system made it; 0 is DOS, 3 is Unix.
    """

    name: str
    raw_name: bytes
    offset: int
    packed: int
    size: int
    checksum: int
    method: int
    flags: int
    kind: int
    system: int


@dataclass(frozen=True, slots=True)
class Directory:
    """What the end of an archive says of it; offsets in bytes from the file's start."""

    count: int
    start: int
    size: int
    shift: int  # bytes before the archive begins, such as a self-extractor's program


def find(file: IO[bytes], limits: Settings) -> Directory:
    """Read the record at the end of an archive and check the number of entries.

    Source: APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.

    Raises:
        BadArchive: no zip, an incomplete one, or one in several parts.
        LimitExceeded: more entries than allowed.
    """
    length = file.seek(0, 2)
    at, record = _end_record(file, length)
    disk, start_disk, here, count, size, start = struct.unpack_from("<4H2I", record, 4)
    end = at
    if at >= 20 and _read(file, at - 20, 4) == _LOCATOR64:
        where = struct.unpack("<Q", _read(file, at - 12, 8))[0]
        end64 = _read(file, where, 56)
        # A self-extractor's bytes shift all offsets, so the record is then just before its locator.
        if end64[:4] != _END64 and at >= 76:
            where = at - 76
            end64 = _read(file, where, 56)
        if end64[:4] != _END64 or len(end64) < 56:
            raise BadArchive(f"The end of this zip contradicts itself. {AGAIN}")
        disk, start_disk, here, count, size, start = struct.unpack_from("<2I4Q", end64, 16)
        end = where
    if disk or start_disk or here != count:
        raise BadArchive("This zip comes in several parts. Make it as a single file.")
    if count > limits.archive_entries:
        raise LimitExceeded(
            f"A zip may have up to {limits.archive_entries:,} entries; this one has {count:,}. "
            f"Leave some out, or raise {Settings.variable('archive_entries')}."
        )
    shift = end - size - start
    if shift < 0 or size > count * (46 + NAME_BYTES + 2 * _COMMENT_BYTES):
        raise BadArchive(f"The directory of this zip does not fit into it. {AGAIN}")
    return Directory(count, start + shift, size, shift)


def entries(file: IO[bytes], directory: Directory) -> Iterator[Entry]:
    """Go through the directory, one entry in memory at a time.

    Source: APPNOTE.TXT 6.3.10, section 4.3.12.

    Raises:
        BadArchive: the directory is damaged, or holds a name that cannot be read.
    """
    at, end = directory.start, directory.start + directory.size
    file.seek(at)
    for _ in range(directory.count):
        head = file.read(46)
        if len(head) < 46 or head[:4] != _CENTRAL:
            raise BadArchive(f"The directory of this zip is damaged. {AGAIN}")
        made, _, flags, method, _, _, checksum, packed, size = struct.unpack_from("<6H3I", head, 4)
        name_size, extra_size, comment_size, disk, _, mode, offset = struct.unpack_from(
            "<5H2I", head, 28
        )
        at += 46 + name_size + extra_size + comment_size
        if at > end:
            raise BadArchive(f"The directory of this zip is damaged. {AGAIN}")
        raw_name, extra = file.read(name_size), file.read(extra_size)
        file.seek(comment_size, 1)
        if 0xFFFFFFFF in (packed, size, offset) or disk == 0xFFFF:
            size, packed, offset, disk = _wide(extra, size, packed, offset, disk)
        if disk:
            raise BadArchive("This zip comes in several parts. Make it as a single file.")
        system = made >> 8
        yield Entry(
            name=_name(raw_name, flags),
            raw_name=raw_name,
            offset=offset + directory.shift,
            packed=packed,
            size=size,
            checksum=checksum,
            method=method,
            flags=flags,
            kind=mode >> 16 if system in (3, 19) else 0,
            system=system,
        )
    if at != end:
        raise BadArchive(f"This zip has another number of entries than it says. {AGAIN}")


def content(file: IO[bytes], entry: Entry) -> int:
    """Where the packed bytes of an entry begin, by its local header.

    Raises:
        BadArchive: the header is not there, or contradicts the directory.
    """
    head = _read(file, entry.offset, 30)
    if len(head) < 30 or head[:4] != _LOCAL:
        raise BadArchive(f"{entry.name} is not where this zip says it is. {AGAIN}")
    flags, method = struct.unpack_from("<2H", head, 6)
    name_size, extra_size = struct.unpack_from("<2H", head, 26)
    if file.read(name_size) != entry.raw_name or method != entry.method or flags & 1:
        raise BadArchive(f"This zip says two things about {entry.name}. {AGAIN}")
    return entry.offset + 30 + name_size + extra_size


def _end_record(file: IO[bytes], length: int) -> tuple[int, bytes]:
    """The last record that fits the file's end exactly, and its place."""
    first = max(0, length - _END_BYTES - _COMMENT_BYTES)
    tail = _read(file, first, length - first)
    at = len(tail)
    while (at := tail.rfind(_END, 0, at)) >= 0:
        if len(tail) - at >= _END_BYTES:
            comment = struct.unpack_from("<H", tail, at + 20)[0]
            if at + _END_BYTES + comment == len(tail):
                return first + at, tail[at : at + _END_BYTES]
        at += 3  # `rfind` ends before a match that would reach `at`
    head = _read(file, 0, 8)
    for magic, what in _OTHER.items():
        if head.startswith(magic):
            raise BadArchive(f"Expected a zip, found {what}. Pack the pictures as zip.")
    if head.startswith(b"PK"):
        raise BadArchive("The end of this zip is missing or damaged. Upload it again.")
    raise BadArchive("This is not a zip. Put the class folders into a zip and upload that.")


def _wide(extra: bytes, *fields: int) -> list[int]:
    """Fill in what needs more than 32 bits (the last field: 16) from the ZIP64 extra field."""
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<2H", extra, at)
        at += 4
        if tag == 1:
            block, found = extra[at : at + size], []
            for field, (most, width) in zip(fields, _WIDE, strict=True):
                if field != most:
                    found.append(field)
                elif len(block) >= width:
                    found.append(int.from_bytes(block[:width], "little"))
                    block = block[width:]
            if len(found) == len(fields):
                return found
        at += size
    raise BadArchive(f"The directory of this zip lacks a size. {AGAIN}")


def _name(raw: bytes, flags: int) -> str:
    """UTF-8 wherever it is valid, as most tools write it unmarked; else code page 437.

    Source: APPNOTE.TXT 6.3.10, appendix D.
    """
    if len(raw) > NAME_BYTES:
        raise BadArchive(f"A name in this zip has {len(raw):,} bytes. Shorten it.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if flags & 0x800:
            raise BadArchive(
                f"A name in this zip says that it is UTF-8 and is not. {AGAIN}"
            ) from None
        return raw.decode("cp437")


def _read(file: IO[bytes], at: int, count: int) -> bytes:
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError):
        return b""
    return file.read(max(count, 0))
