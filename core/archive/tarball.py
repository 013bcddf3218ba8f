"""List and read the files of an untrusted tar, plain or packed with gzip, in bounded memory.

`tarfile` is not used here: it reads extended headers of any size into memory.
"""

import re
import stat
import sys
from collections.abc import Iterator
from typing import IO

from core.archive.coders import Stream, UnpackedStream, gunzipped, pieces
from core.archive.entry import MAKE_AGAIN, Entry, check_count, decode_name
from core.archive.inspection import check_total
from core.errors import BadArchive
from core.settings import Settings

BLOCK = 512
EXTENDED_BYTES = 1 << 20
"""Largest extended header: the attributes that macOS adds are far smaller."""
EXTENDED_TOTAL = 128 << 20
"""Bytes of all extended headers of an archive: more take too long to read."""
_REGULAR, _FOLDER, _LONG_NAME, _EXTENDED, _GLOBAL = b"0\0" + b"7", b"5", b"L", b"x", b"g"
_EXTENSIONS = _LONG_NAME, _EXTENDED, _GLOBAL, b"K", b"N"
"""Extended headers; the last two are a long target of a link and an old form of long names."""
_WITHOUT_DATA = b"1", b"2", b"3", b"4", b"5", b"6"
_LISTED_FOLDER = b"D"
"""A folder with a list of its files, in incremental backups."""
_SPARSE = b"S"
_PADDING = b" " * 8
_RECORD = re.compile(rb"(\d{1,7}) ([^=]{1,255})=")


def is_tar(file: IO[bytes]) -> bool:
    """Whether a file is a tar."""
    try:
        return bool(_header(_unpacked(file), 0))
    except BadArchive:
        return False


def open_tar(file: IO[bytes], length: int, limits: Settings) -> tuple[Stream, list[Entry]]:
    """The unpacked bytes of a tar in a file of `length` bytes; its entries, with offsets in these.

    The sizes are checked before their data are passed over.

    Raises:
        BadArchive: it is damaged.
        LimitExceeded: it has more entries or bytes than allowed.

    Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar 1.35,
    "Basic Tar Format".
    """
    stream = _unpacked(file)
    entries: list[Entry] = []
    total = 0
    for entry in _entries(stream):
        entries.append(entry)
        total += entry.size
        check_count(len(entries), limits)
        check_total(total, length, limits)
    return stream, entries


def _unpacked(file: IO[bytes]) -> Stream:
    if _bytes(file, 0, 2) != b"\x1f\x8b":
        return file
    return UnpackedStream([(sys.maxsize, lambda: gunzipped(pieces(file, 0, sys.maxsize)))])


def _bytes(stream: Stream, at: int, size: int) -> bytes:
    return b"".join(pieces(stream, at, size))


def _entries(stream: Stream) -> Iterator[Entry]:
    """The files, folders and links of a tar, with the attributes of extended headers."""
    at = extended_bytes = 0
    attributes: dict[bytes, bytes] = {}
    while head := _header(stream, at):
        at += BLOCK
        kind, size = head[156:157], _number(head[124:136])
        if kind in _EXTENSIONS:
            extended_bytes += BLOCK + size
            if size > EXTENDED_BYTES or extended_bytes > EXTENDED_TOTAL:
                raise BadArchive(f"The headers of this archive are too large. {MAKE_AGAIN}")
            attributes |= _attributes(kind, _bytes(stream, at, size))
        elif kind == _SPARSE and head[482]:  # more about its holes follows
            raise BadArchive("This archive has sparse files. Make it without `--sparse`.")
        else:
            entry = _entry(head, attributes, at)
            yield entry
            size, attributes = entry.size, {}
        at += -(-size // BLOCK) * BLOCK


def _header(stream: Stream, at: int) -> bytes:
    """The header at an offset; empty at the end of the archive."""
    head = _bytes(stream, at, BLOCK)
    if len(head) < BLOCK or not head.strip(b"\0"):
        return b""
    if _number(head[148:156]) != sum(head[:148] + _PADDING + head[156:]):
        raise BadArchive(f"A header of this archive is damaged. {MAKE_AGAIN}")
    return head


def _attributes(kind: bytes, content: bytes) -> dict[bytes, bytes]:
    """The path and size that an extended header gives the next entry, by the keywords of pax.

    It has lines such as `18 path=rose/1.jpg`.
    """
    if kind == _LONG_NAME:
        return {b"path": content.rstrip(b"\0")}
    attributes: dict[bytes, bytes] = {}
    at = 0
    while kind == _EXTENDED and (match := _RECORD.match(content, at)):
        end = at + int(match[1])
        if not match.end() < end <= len(content) + 1:
            break
        keyword, value = match[2], content[match.end() : end - 1]
        if keyword == b"path" or (keyword == b"size" and re.fullmatch(rb"\d{1,15}", value)):
            attributes[keyword] = value
        at = end
    return attributes


def _entry(head: bytes, attributes: dict[bytes, bytes], at: int) -> Entry:
    """The entry of a header, with the attributes of extended headers; its data begin at `at`."""
    kind = head[156:157]
    prefix = head[345:500].split(b"\0")[0] if head[257:263] == b"ustar\0" else b""
    raw = attributes.get(b"path") or b"/".join(filter(None, [prefix, head[:100].split(b"\0")[0]]))
    size = int(attributes[b"size"]) if b"size" in attributes else _number(head[124:136])
    is_regular = kind in _REGULAR
    is_folder = kind in (_FOLDER, _LISTED_FOLDER) or (is_regular and raw.endswith(b"/"))
    if kind in _WITHOUT_DATA or (is_regular and is_folder):
        size = 0
    raw = raw.rstrip(b"/") + b"/" if is_folder else raw
    mode = stat.S_IFREG if is_regular else stat.S_IFLNK
    name, encoding = decode_name(raw)
    return Entry(
        name=name,
        raw_name=raw,
        encoding=encoding,
        offset=at,
        packed=size,
        size=size,
        checksum=None,
        mode=stat.S_IFDIR if is_folder else mode,
    )


def _number(field: bytes) -> int:
    """An octal number, or a binary one with the highest bit set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise BadArchive(f"A header of this archive is damaged. {MAKE_AGAIN}")
    return int(digits or b"0", 8)
