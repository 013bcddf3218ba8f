"""Parse the boxes of AVIF and HEIC files, which are ISO base media files.

Source: ISO/IEC 14496-12 (boxes, clap, colr), 23008-12 (ispe, ipma, iloc, iinf, iref).
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from itertools import product

from core.errors import BadImage
from core.images.frame_headers import Size

STEPS = 50_000
"""Boxes, extents and units of frames in one file: each is a step of a loop in Python."""
JOINED_BYTES = 1024
"""Bytes of an item in several pieces that count as a step: they are copied."""
TOO_MANY = "This picture consists of too many blocks. Save it again."
UNUSUAL = "Expected a picture of one frame, or of tiles. Save it as JPEG or PNG."
DEEPEST = 8
"""Boxes inside each other."""
_CONTAINERS = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"iprp": 0}
_CONTAINERS |= {b"meta": 4, b"iref": 4, b"stsd": 8}
_CONTAINERS |= {b"av01": 78, b"hvc1": 78, b"hev1": 78}  # sample entries
"""Boxes of boxes, and the bytes in them before these; `iinf` has a number of items there."""
_IN_FILE, _IN_BOX = 0, 1
"""Origin of the offsets of an item: the start of the file, or of a box of data."""


class Boxes:
    """The contents of the boxes of a file.

    Attributes:
        declared: sizes of pictures.
        av1, hevc: what describes the frames of these codecs, by its offset.
        apertures: sizes to which pictures are to be cropped.
        transfers: transfer functions of the colours; empty ones where there is a profile instead.
        kinds: ids of items, each with its kind.
        references: ids of items, each with those that it is put together from.

    Raises:
        BadImage: the boxes are too many, or items lie in other files.
        struct.error, IndexError: the boxes are damaged.
    """

    def __init__(self, content: bytes) -> None:
        self._content, self._steps = memoryview(content), 0
        self.declared: list[Size] = []
        self.av1: dict[int, memoryview] = {}
        self.hevc: dict[int, memoryview] = {}
        self.apertures: list[tuple[float, float]] = []
        self.transfers: set[bytes] = set()
        self.kinds: list[tuple[int, bytes]] = []
        self.references: list[tuple[int, tuple[int, ...]]] = []
        self._items: list[tuple[int, int, list[tuple[int, int]]]] = []  # id, method, extents
        self._properties: defaultdict[int, set[int]] = defaultdict(set)
        self._indices: defaultdict[int, set[int]] = defaultdict(set)
        self._data: list[int] = []
        # Sequences: offsets and sizes of the first frame, of which a file may name several.
        self._tracks: list[tuple[list[int], list[int]]] = [([], [])]
        self._large_ids = False
        for kind, at, size in self._boxes(0, len(content)):
            self._read_box(kind, at, size)

    def step(self, count: int = 1) -> None:
        """Count steps of a loop."""
        self._steps += count
        if self._steps > STEPS:
            raise BadImage(TOO_MANY)

    def properties(self, item: int) -> set[int]:
        """Offsets of the properties of an item."""
        return {at for number in self._indices[item] for at in self._properties[number]}

    def items(self) -> Iterator[tuple[int, memoryview]]:
        """The id of each item, and its content; sequences have the id 0."""
        for item, method, extents in self._items:
            for start in self._data if method == _IN_BOX else [0]:
                yield item, self._joined([(start + offset, size) for offset, size in extents])
        for starts, sizes in self._tracks:
            for sample in product(starts, sizes or [0]):
                yield 0, self._joined([sample])

    def _joined(self, extents: list[tuple[int, int]]) -> memoryview:
        """Pieces of the file, one after another; a size of 0 is all that follows."""
        pieces = [self._content[at : at + size if size else None] for at, size in extents]
        self.step(len(pieces))
        if len(pieces) == 1:
            return pieces[0]
        self.step(sum(map(len, pieces)) // JOINED_BYTES)
        return memoryview(b"".join(pieces))

    def _boxes(self, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
        """Kind, start and size of the content of all boxes."""
        at = start
        while at + 8 <= end and depth < DEEPEST:
            self.step()
            size, kind = struct.unpack_from(">I4s", self._content, at)
            head = 8
            if size == 1:
                size, head = self._number(at + 8, 8), 16
            size = min(size or end - at, end - at)
            if size < head:
                return
            yield kind, at + head, size - head
            skipped = _CONTAINERS.get(kind)
            if kind == b"iinf":  # the number is of 16 bits in version 0
                skipped = 8 if self._content[at + head] else 6
            if skipped is not None:
                yield from self._boxes(at + head + skipped, at + size, depth + 1)
            at += size

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._content[at : at + size], "big")

    def _read_box(self, kind: bytes, at: int, size: int) -> None:  # noqa: PLR0912 - one per box
        content = self._content[at : at + size]
        match kind:
            case b"ispe":
                self.declared.append(struct.unpack_from(">II", content, 4))
            case b"clap":
                width, width_by, height, height_by = struct.unpack_from(">4I", content)
                self.apertures.append((width / max(1, width_by), height / max(1, height_by)))
            case b"av1C":
                self.av1[at] = content
            case b"hvcC":
                self.hevc[at] = content
            case b"colr":
                self.transfers.add(bytes(content[6:8]) if content[:4] == b"nclx" else b"")
            case b"idat":
                self._data.append(at)
            case b"infe":
                form = ">H2x4s" if content[0] <= 2 else ">I2x4s"
                self.kinds.append(struct.unpack_from(form, self._content, at + 4))
            case b"iref":
                self._large_ids = content[0] > 0
            case b"dimg":
                letter, width = ("I", 4) if self._large_ids else ("H", 2)
                item, count = struct.unpack_from(f">{letter}H", content)
                self.step(count)
                parts = struct.unpack_from(f">{count}{letter}", content, width + 2)
                self.references.append((item, parts))
            case b"trak":
                self._tracks.append(([], []))
            case b"stco" | b"co64":
                self._tracks[-1][0].append(self._number(at + 8, 4 if kind == b"stco" else 8))
            case b"stsz":
                same, first = self._number(at + 4, 4), self._number(at + 12, 4)
                self._tracks[-1][1].append(same or first)
            case b"ipco":
                places = self._boxes(at, at + size, DEEPEST - 1)  # without boxes inside them
                for number, (inner, start, length) in enumerate(places, 1):
                    self._properties[number].add(start)
                    self._read_box(inner, start, length)
            case b"ipma":
                self._read_associations(_Numbers(content))
            case b"iloc":
                self._read_locations(_Numbers(content))

    def _read_associations(self, numbers: "_Numbers") -> None:
        id_size = 4 if numbers.take(1) else 2
        property_size = 2 if numbers.take(3) & 1 else 1
        essential = 1 << 8 * property_size - 1
        for _ in range(numbers.take(4)):
            item, count = numbers.take(id_size), numbers.take(1)
            self.step(count + 1)
            self._indices[item] |= {numbers.take(property_size) & ~essential for _ in range(count)}

    def _read_locations(self, numbers: "_Numbers") -> None:
        version = numbers.take(1)
        numbers.take(3)
        sizes = numbers.take(2)
        offset_size, length_size = sizes >> 12, sizes >> 8 & 15
        base_size, index_size = sizes >> 4 & 15, sizes & 15 if version else 0
        id_size = 4 if version == 2 else 2
        for _ in range(numbers.take(id_size)):
            item, method = numbers.take(id_size), numbers.take(2) & 15 if version else _IN_FILE
            numbers.take(2)
            base, count = numbers.take(base_size), numbers.take(2)
            self.step(count + 1)
            if method not in (_IN_FILE, _IN_BOX):
                raise BadImage(UNUSUAL)
            extents = []
            for _ in range(count):
                numbers.take(index_size)
                extents.append((base + numbers.take(offset_size), numbers.take(length_size)))
            self._items.append((item, method, extents))


class _Numbers:
    """Takes numbers from the content of a box. Raises IndexError if it ends early."""

    def __init__(self, content: memoryview) -> None:
        self._content, self._at = content, 0

    def take(self, size: int) -> int:
        """A number of some bytes, most significant first."""
        self._at += size
        if self._at > len(self._content):
            raise IndexError
        return int.from_bytes(self._content[self._at - size : self._at], "big")
