"""Read the central directory of an untrusted zip in bounded memory.

`zipfile` is not used here: it loads the whole directory before its size or number of entries can
be checked, and not all supported versions detect overlapping entries.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import IO

from core.archive import name_encodings
from core.archive.entry import MAKE_AGAIN, NAME_BYTES, Entry, check_count, decode_name
from core.errors import BadArchive
from core.settings import Settings

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL, _LOCAL = b"PK\1\2", b"PK\3\4"
_END_BYTES, _COMMENT_BYTES, _LOCAL_BYTES = 22, 65_535, 30
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_ZIP64, _UNICODE_PATH = 1, 0x7075  # kinds of extra fields
_ZIP64_FIELDS = ((0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFF, 4))  # marker, bytes
OTHER_FORMATS = {
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}


def entries(file: IO[bytes], settings: Settings) -> list[Entry]:
    """List the entries of a zip, with the offsets of their packed bytes.

    Raises:
        BadArchive: not a zip, or one that is damaged, encrypted or in several parts, has a name
            that cannot be decoded, or entries that overlap.
        LimitExceeded: more entries than allowed.

    Source: APPNOTE.TXT 6.3.10, section 4.3.12; D. Fifield, "A better zip bomb", 2019.
    """
    place = _directory(file, settings)
    listed = list(_entries(file, *place))
    _, limit, *_ = place  # where an entry has to end: at the next entry or the directory
    for index in sorted(range(len(listed)), key=lambda n: listed[n].offset, reverse=True):
        entry = listed[index]
        least = entry.offset + _LOCAL_BYTES + len(entry.raw_name)
        if least + entry.packed > limit:
            raise BadArchive(f"{entry.name} overlaps another entry of this zip. {MAKE_AGAIN}")
        start = _data_start(file, entry)
        is_misplaced = start is None or start + entry.packed > limit
        listed[index] = replace(entry, offset=start or least, is_misplaced=is_misplaced)
        limit = entry.offset
    return listed


def _directory(file: IO[bytes], limits: Settings) -> tuple[int, int, int, int]:
    """Where the directory is, by the record at the end of the file.

    Source: APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.

    Returns:
        Its number of entries, its start and size, and the number of bytes before the archive, such
        as the program of a self-extractor.
    """
    length = file.seek(0, 2)
    at, record = _end_record(file, length)
    disk, start_disk, here, count, size, start = struct.unpack_from("<4H2I", record, 4)
    end = at
    if at >= 76 and _read(file, at - 20, 4) == _LOCATOR64:
        # It says where the record is, but not if bytes precede the archive; it is just before it.
        end = at - 76
        end64 = _read(file, end, 56)
        if end64[:4] != _END64:
            raise BadArchive(f"The end of this zip contradicts itself. {MAKE_AGAIN}")
        disk, start_disk, here, count, size, start = struct.unpack_from("<2I4Q", end64, 16)
    if disk or start_disk or here != count:
        raise BadArchive("This zip comes in several parts. Make it as a single file.")
    check_count(count, limits)
    shift = end - size - start
    if shift < 0 or size > count * (46 + NAME_BYTES + 2 * _COMMENT_BYTES):
        raise BadArchive(f"The directory of this zip does not fit into it. {MAKE_AGAIN}")
    return count, start + shift, size, shift


def _entries(file: IO[bytes], count: int, start: int, size: int, shift: int) -> Iterator[Entry]:
    at, end = start, start + size
    file.seek(at)
    for _ in range(count):
        head = file.read(46)
        if len(head) < 46 or head[:4] != _CENTRAL:
            raise BadArchive(f"The directory of this zip is damaged. {MAKE_AGAIN}")
        made_by, _, flags, method, _, _, checksum, packed, size = struct.unpack_from(
            "<6H3I", head, 4
        )
        name_size, extra_size, comment_size, disk, _, attributes, offset = struct.unpack_from(
            "<5H2I", head, 28
        )
        at += 46 + name_size + extra_size + comment_size
        if at > end:
            raise BadArchive(f"The directory of this zip is damaged. {MAKE_AGAIN}")
        raw_name, extra = file.read(name_size), file.read(extra_size)
        file.seek(comment_size, 1)
        if 0xFFFFFFFF in (packed, size, offset) or disk == 0xFFFF:
            size, packed, offset, disk = _zip64(extra, size, packed, offset, disk)
        if disk:
            raise BadArchive("This zip comes in several parts. Make it as a single file.")
        if flags & _ENCRYPTED:
            raise BadArchive("This zip is encrypted. Make it without a password.")
        system = made_by >> 8
        name, encoding = _name(raw_name, flags, extra)
        yield Entry(
            name=name,
            raw_name=raw_name,
            encoding=encoding,
            offset=offset + shift,
            packed=packed,
            size=size,
            checksum=checksum,
            method=method,
            mode=attributes >> 16 if system in (3, 19) else 0,
        )
    if at != end:
        raise BadArchive(f"The number of entries in this zip is wrong. {MAKE_AGAIN}")


def _data_start(file: IO[bytes], entry: Entry) -> int | None:
    """Offset of an entry's packed bytes; None if its local header contradicts the directory."""
    head = _read(file, entry.offset, _LOCAL_BYTES)
    if len(head) < _LOCAL_BYTES or head[:4] != _LOCAL:
        return None
    flags, method = struct.unpack_from("<2H", head, 6)
    name_size, extra_size = struct.unpack_from("<2H", head, 26)
    # Some tools write "\\" in the directory and "/" before the file.
    name = file.read(name_size).replace(b"\\", b"/")
    if name != entry.raw_name.replace(b"\\", b"/") or method != entry.method or flags & 1:
        return None
    return entry.offset + _LOCAL_BYTES + name_size + extra_size


def _end_record(file: IO[bytes], length: int) -> tuple[int, bytes]:
    """Offset and bytes of the last end record.

    One that extends exactly to the end of the file is preferred; otherwise, what follows the
    archive is ignored.
    """
    first = max(0, length - _END_BYTES - _COMMENT_BYTES)
    tail = _read(file, first, length - first)
    ends = {}
    for match in re.finditer(_END, tail[: 4 - _END_BYTES]):
        comment = struct.unpack_from("<H", tail, match.start() + 20)[0]
        ends[match.start()] = match.start() + _END_BYTES + comment
    complete = [at for at, end in ends.items() if end <= len(tail)]
    if complete:
        at = max(complete, key=lambda at: (ends[at] == len(tail), at))
        return first + at, tail[at : at + _END_BYTES]
    head = _read(file, 0, 8)
    for magic, found in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise BadArchive(
                f"Expected a zip, tar or 7z, found {found}. Pack the pictures into a zip."
            )
    if head.startswith(b"PK"):
        raise BadArchive(
            "The end of this zip is missing or damaged. If it comes in several parts, make it as a "
            "single file; otherwise, upload it again."
        )
    raise BadArchive("This is not a zip. Put the class folders into a zip and upload that.")


def _zip64(extra: bytes, *fields: int) -> list[int]:
    """Replace fields that hold a marker by their values in the ZIP64 extra field."""
    for block in _blocks(extra, _ZIP64):
        values = []
        for field, (marker, width) in zip(fields, _ZIP64_FIELDS, strict=True):
            if field != marker:
                values.append(field)
            elif len(block) >= width:
                values.append(int.from_bytes(block[:width], "little"))
                block = block[width:]
        if len(values) == len(fields):
            return values
    raise BadArchive(f"The directory of this zip lacks a size. {MAKE_AGAIN}")


def _name(raw: bytes, flags: int, extra: bytes) -> tuple[str, str]:
    """The name, and the encoding if that is a guess.

    Source: APPNOTE.TXT 6.3.10, appendix D.
    """
    name, encoding = decode_name(raw)
    for block in _blocks(extra, _UNICODE_PATH):
        if (path := name_encodings.unicode_path(raw, block)) is not None:
            return path, ""
    if encoding and flags & 0x800:
        raise BadArchive(f"A name in this zip is marked as UTF-8 but is not. {MAKE_AGAIN}")
    return name, encoding


def _blocks(extra: bytes, wanted: int) -> Iterator[bytes]:
    """The contents of the extra fields of a kind."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == wanted:
            yield extra[at + 4 : at + 4 + size]
        at += 4 + size


def _read(file: IO[bytes], at: int, count: int) -> bytes:
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError):
        return b""
    return file.read(max(count, 0))
