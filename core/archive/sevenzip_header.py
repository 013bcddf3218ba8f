"""Read the header of an untrusted 7z archive: where its blocks of packed files are."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.archive import coders
from core.archive.coders import Coder
from core.archive.entry import check_count
from core.errors import BadArchive
from core.settings import Settings

HEAD = 32
"""Bytes before the first block."""
MOST_CODERS = 4
"""Limit of the coders of one block."""
MOST_PROPERTIES = 100
"""Limit of the properties of the files of an archive."""
DAMAGED = "The header of this archive is damaged. Make the archive again."
INCOMPLETE = (
    "The end of this archive is missing. If it comes in several parts, make it as a single file; "
    "otherwise, upload it again."
)
_WHOLE, _PACKED_HEADER = 1, 0x17
_PACKED, _BLOCKS, _SUBSTREAMS, _SIZE, _CHECKSUM, _CODERS, _SIZES, _COUNTS = range(6, 14)

Sized = tuple[int, int | None]
"""The size of a file and its CRC-32, if there is one."""


@dataclass(frozen=True, slots=True)
class Block:
    """Files that are packed together.

    Attributes:
        start, packed: offset and number of the packed bytes.
        size: unpacked, in bytes.
        coders: those to apply, the first one first.
        files: in order.
    """

    start: int
    packed: int
    size: int
    coders: tuple[Coder, ...]
    files: tuple[Sized, ...]


class Header:
    """The bytes of a header, read forwards.

    Raises:
        BadArchive: they end early, or contradict each other.
    """

    def __init__(self, content: bytes, settings: Settings) -> None:
        self._content = content
        self._settings = settings
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        taken = self._content[self._at : self._at + count]
        if len(taken) < count:
            raise BadArchive(DAMAGED)
        self._at += count
        return taken

    def number(self) -> int:
        """The next number; its first byte says how many follow."""
        first = self.take(1)[0]
        more = 8 - (first ^ 0xFF).bit_length()
        high = first & (0x7F >> more)
        return int.from_bytes(self.take(more), "little") | high << (8 * more)

    def count(self, others: int = 0) -> int:
        """The next number, which with `others` is at most that of the entries of an archive."""
        count = self.number()
        check_count(count + others, self._settings)
        return count

    def rest(self) -> bytes:
        """All bytes that follow."""
        return self.take(len(self._content) - self._at)

    def flags(self, count: int) -> list[bool]:
        """The next bits."""
        content = self.take((count + 7) // 8)
        return [bool(content[n // 8] << n % 8 & 0x80) for n in range(count)]

    def known(self, count: int) -> list[bool]:
        """Which of the following values are known; if all are, one byte says so."""
        return [True] * count if self.number() else self.flags(count)

    def words(self, known: list[bool]) -> list[int | None]:
        """Values of four bytes, where they are known."""
        return [int.from_bytes(self.take(4), "little") if each else None for each in known]

    def properties(self) -> Iterator[tuple[int, "Header"]]:
        """The kinds of the following properties, with their contents."""
        for _ in range(MOST_PROPERTIES):
            if not (kind := self.number()):
                return
            yield kind, Header(self.take(self.number()), self._settings)
        raise BadArchive(DAMAGED)

    def sections(self, *kinds: int) -> Iterator[int]:
        """The kinds of the following sections, of which each may come once."""
        left = set(kinds)
        while kind := self.number():
            if kind not in left:
                raise BadArchive(DAMAGED)
            left.remove(kind)
            yield kind

    def expect(self, number: int) -> None:
        """Pass over a number that has to be there."""
        if self.number() != number:
            raise BadArchive(DAMAGED)

    def is_whole(self) -> bool:
        """Whether this is a header itself; otherwise, the block that holds one follows."""
        if (kind := self.number()) not in (_WHOLE, _PACKED_HEADER):
            raise BadArchive(DAMAGED)
        return kind == _WHOLE


def blocks(header: Header, length: int) -> list[Block]:
    """The blocks of an archive of `length` bytes."""
    places: list[tuple[int, int]] = []
    chains: list[tuple[Coder, ...]] = []
    sizes: list[int] = []
    files: list[list[Sized]] = []
    for section in header.sections(_PACKED, _BLOCKS, _SUBSTREAMS):
        if section == _PACKED:
            places = _places(header)
        elif section == _BLOCKS:
            chains, sizes, checksums = _chains(header)
            files = [[each] for each in zip(sizes, checksums, strict=True)]
        else:
            files = _substreams(header, files)
    if len(places) != len(chains):
        raise BadArchive(DAMAGED)
    if any(start + packed > length for start, packed in places):
        raise BadArchive(INCOMPLETE)
    return [
        Block(*place, size, chain, tuple(each))
        for place, size, chain, each in zip(places, sizes, chains, files, strict=True)
    ]


def _places(header: Header) -> list[tuple[int, int]]:
    """Offset and number of the packed bytes of each block."""
    at, count = HEAD + header.number(), header.count()
    places = []
    for section in header.sections(_SIZE, _CHECKSUM):
        if section == _CHECKSUM:
            header.words(header.known(count))
            continue
        for _ in range(count):
            places.append((at, header.number()))
            at += places[-1][1]
    return places


def _chains(header: Header) -> tuple[list[tuple[Coder, ...]], list[int], list[int | None]]:
    """The coders of each block, its unpacked size and its checksum."""
    header.expect(_CODERS)
    count = header.count()
    header.expect(0)  # otherwise, they are packed elsewhere
    chains = [_coders(header) for _ in range(count)]
    sizes: list[int] = []
    checksums: list[int | None] = [None] * count
    for section in header.sections(_SIZES, _CHECKSUM):
        if section == _CHECKSUM:
            checksums = header.words(header.known(count))
            continue
        for found, order in chains:
            each = [header.number() for _ in found]
            sizes.append(each[order[-1]])
    if len(sizes) != count:
        raise BadArchive(DAMAGED)
    return [tuple(found[n] for n in order) for found, order in chains], sizes, checksums


def _coders(header: Header) -> tuple[list[Coder], list[int]]:
    """The coders of a block, and the order in which to apply them."""
    count = header.number()
    if not 0 < count <= MOST_CODERS:
        raise BadArchive(DAMAGED)
    unordered = []
    for _ in range(count):
        flags = header.take(1)[0]
        method = header.take(flags & 0xF)
        several = flags & 0x10 and (header.number(), header.number()) != (1, 1)
        coder = Coder(method, header.take(header.number()) if flags & 0x20 else b"")
        coders.check(coder)
        if several or flags & 0xC0:
            raise BadArchive(DAMAGED)
        unordered.append(coder)
    if sum(coder.method in coders.DECOMPRESSORS for coder in unordered) > 1:
        raise BadArchive(DAMAGED)
    following = {}
    for _ in range(count - 1):
        reader = header.number()
        following[header.number()] = reader
    order = sorted(set(range(count)) - set(following.values()))[:1]
    while len(order) < count and order[-1] in following:
        order.append(following[order[-1]])
    if sorted(order) != list(range(count)):
        raise BadArchive(DAMAGED)
    return unordered, order


def _substreams(header: Header, whole: list[list[Sized]]) -> list[list[Sized]]:
    """The files of each block, by the size and checksum of each whole block."""
    counts = [1] * len(whole)
    firsts: list[list[int]] = [[] for _ in whole]  # the size of the last file is what remains
    checksums: list[int | None] = []
    # A block of one file may have its checksum already.
    lacking = list(range(len(whole)))
    for section in header.sections(_COUNTS, _SIZE, _CHECKSUM):
        if section == _COUNTS:
            total = 0
            for n in range(len(whole)):
                counts[n] = header.count(total)
                total += counts[n]
        elif section == _SIZE:
            firsts = [[header.number() for _ in range(count - 1)] for count in counts]
        else:
            lacking = [n for n, [(_, known)] in enumerate(whole) if counts[n] != 1 or known is None]
            checksums = header.words(header.known(sum(counts[n] for n in lacking)))
    known_checksums = iter(checksums)
    files: list[list[Sized]] = []
    for n, [(size, known)] in enumerate(whole):
        sizes = [*firsts[n], size - sum(firsts[n])][: counts[n]]
        if len(sizes) < counts[n] or min(sizes, default=0) < 0:
            raise BadArchive(DAMAGED)
        own = [next(known_checksums, None) for _ in sizes] if n in lacking else [known]
        files.append(list(zip(sizes, own, strict=True)))
    return files
