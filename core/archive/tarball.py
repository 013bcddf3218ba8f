"""List and read the files of an untrusted tar, plain or packed with gzip, in bounded memory.

`tarfile` is not used here: it reads extended headers of any size into memory.
"""

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from core.archive import directory
from core.archive.directory import MAKE_AGAIN, Entry
from core.archive.inspection import RATIO_ARCHIVE_BYTES, check_sizes
from core.errors import BadArchive
from core.settings import MEGABYTE, Settings

BLOCK = 512
EXTENDED_BYTES = 1 << 20
"""Largest extended header: the attributes that macOS adds are far smaller."""
EXTENDED_HEADERS = 8
"""Extended headers before one file."""
EXTENDED_TOTAL = 128 << 20
"""Bytes of all extended headers of an archive."""
_REGULAR, _FOLDER, _LONG_NAME, _EXTENDED, _GLOBAL = b"0\0" + b"7", b"5", b"L", b"x", b"g"
_OLD_NAME, _LONG_LINK = b"N", b"K"
_WITHOUT_DATA = b"1", b"2", b"3", b"4", b"5", b"6"
_LISTED_FOLDER = b"D"
"""A folder with a list of its files, in incremental backups."""
_SPARSE = b"S"
_DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error)
_PADDING = b" " * 8


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes] | None]:
    """The unpacked stream of a tar; None if the file is something else.

    Raises:
        BadArchive: the compressed data are damaged, also while the stream is in use.
    """
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if packed else file
        try:
            is_tar = _is_header(stream.read(BLOCK))
        except _DAMAGED:
            is_tar = False
        try:
            yield stream if is_tar else None
        except _DAMAGED as error:
            raise BadArchive("This archive is damaged or incomplete. Upload it again.") from error


def entries(stream: IO[bytes], length: int, settings: Settings) -> list[Entry]:
    """List the entries of a tar; the sizes are checked before their data are passed over.

    Args:
        stream: as by `opened`.
        length: of the file, in bytes.

    Raises:
        BadArchive: a header is damaged.
        LimitExceeded: more entries or bytes than allowed.

    Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar 1.35,
    "Basic Tar Format".
    """
    found: list[Entry] = []
    total, check_at = 0, RATIO_ARCHIVE_BYTES
    at = extended = passed = 0
    name, size = b"", -1  # of the next entry, from extended headers
    while True:
        stream.seek(at)
        head = stream.read(BLOCK)
        if len(head) < BLOCK or not head.strip(b"\0"):
            return found
        if not _is_header(head):
            raise BadArchive(f"A header of this archive is damaged. {MAKE_AGAIN}")
        kind, held = head[156:157], _number(head[124:136])
        at += BLOCK
        if kind in (_LONG_NAME, _EXTENDED, _GLOBAL, _LONG_LINK, _OLD_NAME):
            extended += 1
            passed += held
            if held > EXTENDED_BYTES or extended > EXTENDED_HEADERS or passed > EXTENDED_TOTAL:
                raise BadArchive(f"A header of this archive is too large. {MAKE_AGAIN}")
            content = stream.read(held)
            if kind == _LONG_NAME:
                name = content.rstrip(b"\0")
            elif kind == _EXTENDED:
                records = dict(_records(content))
                name = records.get(b"path", name)
                size = int(records.get(b"size", size))
        else:
            held = size if size >= 0 else held
            prefix = head[345:500].split(b"\0")[0] if head[257:263] == b"ustar\0" else b""
            name = name or b"/".join(filter(None, [prefix, head[:100].split(b"\0")[0]]))
            is_regular = kind in _REGULAR and not name.endswith(b"/")
            is_folder = kind in (_FOLDER, _LISTED_FOLDER) or (kind in _REGULAR and not is_regular)
            held = 0 if kind in _WITHOUT_DATA or (kind in _REGULAR and not is_regular) else held
            if kind == _SPARSE and head[482]:
                at += _map_size(stream)
            found.append(_entry(name, kind, at, held, is_folder=is_folder))
            directory.check_count(len(found), settings)
            total += held
            if total > check_at:
                check_sizes(found, length, settings)
                check_at = max(total, min(2 * total, settings.expanded_megabytes * MEGABYTE))
            name, size, extended = b"", -1, 0
        at += -(-held // BLOCK) * BLOCK


def _map_size(stream: IO[bytes]) -> int:
    """Bytes of the blocks that follow the header of a sparse file, before its data."""
    for blocks in range(1, EXTENDED_BYTES // BLOCK):
        if not any(stream.read(BLOCK)[504:505]):
            return blocks * BLOCK
    raise BadArchive(f"A header of this archive is too large. {MAKE_AGAIN}")


def _entry(raw: bytes, kind: bytes, at: int, size: int, *, is_folder: bool) -> Entry:
    raw = raw.rstrip(b"/") + b"/" if is_folder else raw
    name, encoding = directory.decode_name(raw)
    mode = stat.S_IFREG if kind in _REGULAR else stat.S_IFLNK
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


def _is_header(head: bytes) -> bool:
    """Whether a block has the checksum of a header."""
    try:
        declared = _number(head[148:156])
    except BadArchive:
        return False
    return len(head) == BLOCK and declared == sum(head[:148] + _PADDING + head[156:])


def _number(field: bytes) -> int:
    """An octal number, or a binary one with the highest bit set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not re.fullmatch(rb"[0-7]*", digits):
        raise BadArchive(f"A header of this archive is damaged. {MAKE_AGAIN}")
    return int(digits or b"0", 8)


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keywords and values of an extended header: lines such as `18 path=rose/1.jpg`."""
    at = 0
    while match := re.compile(rb"(\d{1,7}) ([^=]{1,255})=").match(content, at):
        end = at + int(match[1])
        if not match.end() < end <= len(content) + 1:
            return
        keyword, value = match[2], content[match.end() : end - 1]
        if keyword != b"size" or re.fullmatch(rb"\d{1,15}", value):
            yield keyword, value
        at = end
