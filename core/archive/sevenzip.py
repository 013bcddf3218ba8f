"""List and read the files of an untrusted 7z archive in bounded memory."""

import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO

from core.archive import coders, sevenzip_header
from core.archive.coders import Stream
from core.archive.entry import Entry, decode_name
from core.archive.sevenzip_header import DAMAGED, HEAD, INCOMPLETE, Block, Header, Sized
from core.errors import BadArchive
from core.settings import MEGABYTE, Settings

SIGNATURE = b"7z\xbc\xaf\x27\x1c"
HEADER_BYTES = MEGABYTE
"""Largest header, in addition to `ENTRY_BYTES` for each entry that an archive may have."""
ENTRY_BYTES = 1_024
MOST_HEADERS = 4
"""A header may be packed, and so may the header that says how."""
_STREAMS, _FILES = 4, 5
_EMPTY, _EMPTY_FILE, _NAMES, _ATTRIBUTES = 0x0E, 0x0F, 0x11, 0x15
_UNIX, _REPARSE_POINT = 0x8000, 0x400  # flags of attributes


def is_7z(file: IO[bytes]) -> bool:
    """Whether a file is a 7z archive."""
    file.seek(0)
    return file.read(len(SIGNATURE)) == SIGNATURE


def open_7z(file: IO[bytes], length: int, limits: Settings) -> tuple[Stream, list[Entry]]:
    """The unpacked bytes of an archive of `length` bytes; its entries, with offsets in these.

    Raises:
        BadArchive: it is damaged, encrypted, in several parts, or packed by another method.
        LimitExceeded: it has more entries or bytes than allowed.

    Source: 7zFormat.txt of 7-Zip 26.01.
    """
    file.seek(0)
    head = file.read(HEAD).ljust(HEAD, b"\0")
    offset, size, checksum = struct.unpack_from("<2QI", head, 12)
    if HEAD + offset + size > length:
        raise BadArchive(INCOMPLETE)
    most = HEADER_BYTES + ENTRY_BYTES * limits.archive_entries
    block = Block(HEAD + offset, size, size, (), ((size, checksum),))
    for _ in range(MOST_HEADERS):
        header = Header(_content(file, block, most), limits)
        if header.is_whole():
            blocks, entries = _listed(header, length)
            return _unpacked(file, blocks), entries
        blocks = sevenzip_header.blocks(header, length)
        if len(blocks) != 1 or len(blocks[0].files) != 1:
            break
        (block,) = blocks
    raise BadArchive(DAMAGED)


def _unpacked(file: IO[bytes], blocks: Sequence[Block]) -> coders.UnpackedStream:
    """The unpacked bytes of all blocks."""

    def start(block: Block) -> Iterator[bytes]:
        packed = coders.pieces(file, block.start, block.packed)
        return coders.decoded(packed, block.coders, block.size)

    return coders.UnpackedStream([(block.size, partial(start, block)) for block in blocks])


def _content(file: IO[bytes], block: Block, most: int) -> bytes:
    """The bytes of a header."""
    ((size, checksum),) = block.files
    if size > most:
        raise BadArchive("The header of this archive is too large. Pack the pictures into a zip.")
    content = b"".join(coders.pieces(_unpacked(file, [block]), 0, size))
    if len(content) < size or checksum not in (None, zlib.crc32(content)):
        raise BadArchive(DAMAGED)
    return content


def _listed(header: Header, length: int) -> tuple[list[Block], list[Entry]]:
    """The blocks and entries of an archive of `length` bytes; the first number has been read."""
    packed: list[Block] = []
    entries: list[Entry] = []
    for section in header.sections(_STREAMS, _FILES):
        if section == _STREAMS:
            packed = sevenzip_header.blocks(header, length)
        else:
            entries = _entries(header, [file for block in packed for file in block.files])
    return packed, entries


def _entries(header: Header, files: list[Sized]) -> list[Entry]:
    """The entries of an archive.

    Args:
        header: read up to the contents of the section.
        files: those with bytes, in order.
    """
    count = header.count()
    sections = dict(header.properties())
    empty = sections[_EMPTY].flags(count) if _EMPTY in sections else [False] * count
    empty_file = [False] * sum(empty)
    if _EMPTY_FILE in sections:
        empty_file = sections[_EMPTY_FILE].flags(len(empty_file))
    attributes: list[int | None] = [None] * count
    if _ATTRIBUTES in sections:
        known = sections[_ATTRIBUTES].known(count)
        sections[_ATTRIBUTES].expect(0)
        attributes = sections[_ATTRIBUTES].words(known)
    if _NAMES not in sections or len(files) != count - len(empty_file):
        raise BadArchive(DAMAGED)
    sections[_NAMES].expect(0)
    names = sections[_NAMES].rest().decode("utf-16-le", "replace").split("\0")
    if len(names) != count + 1:
        raise BadArchive(DAMAGED)
    entries: list[Entry] = []
    offset = 0
    of_files, of_empty = iter(files), iter(empty_file)
    for name, is_empty, attribute in zip(names, empty, attributes, strict=False):
        size, checksum = (0, None) if is_empty else next(of_files)
        is_folder = is_empty and not next(of_empty)
        flags = attribute or 0
        mode = flags >> 16 if flags & _UNIX else 0
        if flags & _REPARSE_POINT:
            mode = stat.S_IFLNK
        raw = (f"{name}/" if is_folder else name).encode()
        entries.append(
            Entry(
                name=decode_name(raw)[0],
                raw_name=raw,
                offset=offset,
                packed=size,
                size=size,
                checksum=checksum,
                mode=stat.S_IFDIR if is_folder else mode,
            )
        )
        offset += size
    return entries
