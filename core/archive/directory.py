"""Read the central directory of an untrusted zip in bounded memory.

`zipfile` is not used here: it loads the whole directory before its size or number of entries can
be checked, and not all supported versions detect overlapping entries.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO

from core.archive import names
from core.archive.coders import Stream
from core.errors import BadArchive, LimitExceeded
from core.settings import Settings

MAKE_AGAIN = "Make the archive again."
STORED, DEFLATED = 0, 8
NAME_BYTES = 4_096

_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_CENTRAL, _LOCAL = b"PK\1\2", b"PK\3\4"
_END_BYTES, _COMMENT_BYTES = 22, 65_535
_ZIP64_FIELDS = ((0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFFFFFF, 8), (0xFFFF, 4))  # marker, bytes
OTHER_FORMATS = {
    b"Rar!": "a RAR archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the directory, unchecked.

    Attributes:
        name: decoded, otherwise unchanged.
        raw_name: bytes of the name.
        encoding: of the name, if the zip does not say it and it is not UTF-8; otherwise empty.
        offset: of the local header, in bytes from the file's start.
        packed: size in the archive, in bytes.
        size: declared unpacked size, in bytes.
        checksum: declared CRC-32 of the unpacked bytes; None if the archive has none.
        mode: Unix file type and permissions; 0 where the zip was made on another system.
        method: compression method of a zip.
        flags: general purpose bit flags of a zip.
        end: offset where the packed bytes must have ended, once a zip is checked.
    """

    name: str
    raw_name: bytes
    offset: int
    packed: int
    size: int
    checksum: int | None
    mode: int
    method: int = STORED
    flags: int = 0
    encoding: str = ""
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """Position of the central directory, in bytes from the file's start.

    Attributes:
        count: declared number of entries.
        start, size: of the directory.
        shift: bytes before the archive, such as the program of a self-extractor.
    """

    count: int
    start: int
    size: int
    shift: int


def find(file: IO[bytes], limits: Settings) -> Directory:
    """Find the directory by the record at the end of the file.

    Raises:
        BadArchive: not a zip, a damaged one or one in several parts.
        LimitExceeded: more entries than allowed.

    Source: APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16.
    """
    length = file.seek(0, 2)
    at, record = _end_record(file, length)
    disk, start_disk, here, count, size, start = struct.unpack_from("<4H2I", record, 4)
    end = at
    if at >= 20 and _read(file, at - 20, 4) == _LOCATOR64:
        where = struct.unpack("<Q", _read(file, at - 12, 8))[0]
        end64 = _read(file, where, 56)
        # Bytes before the archive shift all offsets; the record is then just before its locator.
        if end64[:4] != _END64 and at >= 76:
            where = at - 76
            end64 = _read(file, where, 56)
        if end64[:4] != _END64 or len(end64) < 56:
            raise BadArchive(f"The end of this zip contradicts itself. {MAKE_AGAIN}")
        disk, start_disk, here, count, size, start = struct.unpack_from("<2I4Q", end64, 16)
        end = where
    if disk or start_disk or here != count:
        raise BadArchive("This zip comes in several parts. Make it as a single file.")
    check_count(count, limits)
    shift = end - size - start
    if shift < 0 or size > count * (46 + NAME_BYTES + 2 * _COMMENT_BYTES):
        raise BadArchive(f"The directory of this zip does not fit into it. {MAKE_AGAIN}")
    return Directory(count, start + shift, size, shift)


def check_count(count: int, limits: Settings) -> None:
    """Check the number of entries.

    Raises:
        LimitExceeded: more than allowed.
    """
    if count > limits.archive_entries:
        raise LimitExceeded(
            f"An archive may have up to {limits.archive_entries:,} entries; this one has {count:,}."
            f" Leave some out, or raise {Settings.variable('archive_entries')}."
        )


def entries(file: IO[bytes], directory: Directory) -> tuple[list[Entry], list[str]]:
    """List the entries of a directory, with their names as by `with_names`.

    Raises:
        BadArchive: the directory is damaged or has a name that cannot be decoded.

    Source: APPNOTE.TXT 6.3.10, section 4.3.12.
    """
    return with_names(list(_entries(file, directory)))


def with_names(found: list[Entry]) -> tuple[list[Entry], list[str]]:
    """The entries, and the encodings that fit all names without a mark.

    Names without a mark are decoded in the first of these encodings.
    """
    unmarked = [entry.raw_name for entry in found if entry.encoding]
    encodings = names.fitting(unmarked) if unmarked else []
    encoding = next(iter(encodings), names.FALLBACK)
    decoded = [
        replace(entry, name=entry.raw_name.decode(encoding), encoding=encoding)
        if entry.encoding
        else entry
        for entry in found
    ]
    return decoded, encodings


def _entries(file: IO[bytes], directory: Directory) -> Iterator[Entry]:
    at, end = directory.start, directory.start + directory.size
    file.seek(at)
    for _ in range(directory.count):
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
        system = made_by >> 8
        name, encoding = decode_name(raw_name, flags, extra)
        yield Entry(
            name=name,
            raw_name=raw_name,
            encoding=encoding,
            offset=offset + directory.shift,
            packed=packed,
            size=size,
            checksum=checksum,
            method=method,
            flags=flags,
            mode=attributes >> 16 if system in (3, 19) else 0,
        )
    if at != end:
        raise BadArchive(f"The number of entries in this zip is wrong. {MAKE_AGAIN}")


def data_start(file: Stream, entry: Entry) -> int:
    """Offset of an entry's packed bytes, by its local header.

    Raises:
        BadArchive: the header is missing or contradicts the directory.
    """
    head = _read(file, entry.offset, 30)
    if len(head) < 30 or head[:4] != _LOCAL:
        raise BadArchive(f"{entry.name} is missing from this zip. {MAKE_AGAIN}")
    flags, method = struct.unpack_from("<2H", head, 6)
    name_size, extra_size = struct.unpack_from("<2H", head, 26)
    name = file.read(name_size)
    # Some tools write "\\" in the directory and "/" before the file.
    same_name = name.replace(b"\\", b"/") == entry.raw_name.replace(b"\\", b"/")
    if not same_name or method != entry.method or flags & 1:
        raise BadArchive(f"This zip contradicts itself about {entry.name}. {MAKE_AGAIN}")
    return entry.offset + 30 + name_size + extra_size


def _end_record(file: IO[bytes], length: int) -> tuple[int, bytes]:
    """Offset and bytes of the last end record.

    One that extends exactly to the end of the file is preferred; otherwise, what follows the
    archive is ignored.
    """
    first = max(0, length - _END_BYTES - _COMMENT_BYTES)
    tail = _read(file, first, length - first)
    at = len(tail)
    followed = -1
    while (at := tail.rfind(_END, 0, at)) >= 0:
        if len(tail) - at >= _END_BYTES:
            comment = struct.unpack_from("<H", tail, at + 20)[0]
            if at + _END_BYTES + comment == len(tail):
                return first + at, tail[at : at + _END_BYTES]
            if at + _END_BYTES + comment < len(tail) and followed < 0:
                followed = at
        at += 3  # `rfind` ends before a match that would reach `at`
    if followed >= 0:
        return first + followed, tail[followed : followed + _END_BYTES]
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
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<2H", extra, at)
        at += 4
        if tag == 1:
            block, values = extra[at : at + size], []
            for field, (marker, width) in zip(fields, _ZIP64_FIELDS, strict=True):
                if field != marker:
                    values.append(field)
                elif len(block) >= width:
                    values.append(int.from_bytes(block[:width], "little"))
                    block = block[width:]
            if len(values) == len(fields):
                return values
        at += size
    raise BadArchive(f"The directory of this zip lacks a size. {MAKE_AGAIN}")


def decode_name(raw: bytes, flags: int = 0, extra: bytes = b"") -> tuple[str, str]:
    """The name, and the encoding if that is a guess.

    Many tools write UTF-8 without setting its flag.

    Source: APPNOTE.TXT 6.3.10, appendix D.
    """
    if len(raw) > NAME_BYTES:
        raise BadArchive(f"A name in this archive has {len(raw):,} bytes. Shorten it.")
    if (name := names.unicode_path(raw, extra)) is not None:
        return name, ""
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        if flags & 0x800:
            raise BadArchive(
                f"A name in this zip is marked as UTF-8 but is not. {MAKE_AGAIN}"
            ) from None
        return raw.decode(names.FALLBACK), names.FALLBACK


def _read(file: Stream, at: int, count: int) -> bytes:
    try:
        file.seek(at)
    except (OSError, OverflowError, ValueError):
        return b""
    return file.read(max(count, 0))
