"""Read what the boxes of AVIF and HEIC files say of their pictures.

Source: ISO/IEC 14496-12 (boxes, colr), 23008-12 (ispe, ipma, iloc, iinf, iref).
"""

import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate, product
from typing import NamedTuple

from core.errors import BadImage
from core.images.frame_headers import Size
from core.images.tags import Reader

BOX_BYTES = 1 << 22
"""Largest box that is read whole; a list of a hundred thousand items is smaller."""
STEPS = 50_000
"""Boxes, extents and units of frames in one file: each is a step of a loop in Python."""
TOO_MANY = "This picture consists of too many blocks. Save it again."
UNUSUAL = "Expected a picture of one frame, or of tiles. Save it as JPEG or PNG."
DEEPEST = 8
"""Boxes inside each other."""
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"meta", b"stsd"}
_CONTAINERS |= {b"iinf", b"iref"}
_BEFORE_BOXES = {b"meta": 4, b"iref": 4, b"stsd": 8}
"""Bytes in a container before its boxes."""
_IN_FILE, _IN_BOX = 0, 1
"""What the offsets of an item are counted from: the start of the file, or of a box of data."""


class Item(NamedTuple):
    """A part of a file.

    Attributes:
        extents: offset and size of its pieces; a size of 0 is all that follows.
    """

    id: int
    method: int
    extents: list[tuple[int, int]]


class _Track(NamedTuple):
    """A sequence of frames, of which only the first is decoded.

    Attributes:
        starts: offset of the first frame; a file may name several.
        sizes: its bytes, likewise.
    """

    starts: list[int]
    sizes: list[int]


class Boxes:
    """What the boxes of a file say.

    Attributes:
        declared: sizes of pictures.
        av1, hevc: offset and size of what describes the frames of these codecs.
        transfers: transfer functions of the colours; empty ones where there is a profile instead.
        kinds: ids of items, each with its kind.
        references: ids of items, each with those that it is put together from.

    Raises:
        BadImage: the boxes are damaged, or too many.
    """

    def __init__(self, read: Reader, length: int) -> None:
        self._read, self._length, self._steps = read, length, 0
        self.declared: list[Size] = []
        self.av1: list[tuple[int, int]] = []
        self.hevc: list[tuple[int, int]] = []
        self.transfers: set[bytes] = set()
        self.kinds: list[tuple[int, bytes]] = []
        self.references: list[tuple[int, tuple[int, ...]]] = []
        self._items: list[Item] = []
        self._properties: defaultdict[int, set[int]] = defaultdict(set)
        self._of_items: defaultdict[int, set[int]] = defaultdict(set)
        self._data: list[int] = []
        self._tracks = [_Track([], [])]
        self._wide = False
        self._understood = {
            b"ipco": self._list_properties,
            b"ipma": self._associations,
            b"ispe": self._size,
            b"av1C": lambda *place: self.av1.append(place),
            b"hvcC": lambda *place: self.hevc.append(place),
            b"colr": self._colours,
            b"idat": lambda at, _: self._data.append(at),
            b"infe": self._kind,
            b"iref": self._width_of_ids,
            b"dimg": self._reference,
            b"iloc": self._locations,
            b"trak": lambda *_: self._tracks.append(_Track([], [])),
            b"stco": lambda at, _: self._tracks[-1].starts.append(self._number(at + 8, 4)),
            b"co64": lambda at, _: self._tracks[-1].starts.append(self._number(at + 8, 8)),
            b"stsz": self._sample_size,
        }
        for kind, at, size in self._boxes(0, length):
            self._understand(kind, at, size)

    def step(self, count: int = 1) -> None:
        """Count steps of a loop."""
        self._steps += count
        if self._steps > STEPS:
            raise BadImage(TOO_MANY)

    def properties(self, item: int) -> set[int]:
        """Offsets of the properties of an item."""
        return {at for number in self._of_items[item] for at in self._properties[number]}

    def items(self) -> Iterator[tuple[int, Reader, int]]:
        """The id of each item, a reader of its content and its size; sequences have the id 0."""
        for item in self._items:
            for start in self._data if item.method == _IN_BOX else [0]:
                yield item.id, *self._joined(item.extents, start)
        for track in self._tracks:
            for sample in product(track.starts, track.sizes or [0]):
                yield 0, *self._joined([sample], 0)

    def _understand(self, kind: bytes, at: int, size: int) -> None:
        if kind in self._understood:
            self._understood[kind](at, size)

    def _boxes(self, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
        """Kind, start and size of the content of all boxes."""
        at = start
        while at + 8 <= end and depth < DEEPEST:
            self.step()
            size, kind = struct.unpack(">I4s", self._read(at, 8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", self._read(at + 8, 8))[0], 16
            size = min(size or end - at, end - at)
            if size < head:
                return
            yield kind, at + head, size - head
            if kind in _CONTAINERS:
                skipped = _BEFORE_BOXES.get(kind, 0)
                if kind == b"iinf":  # the number of items, of 16 bits in version 0
                    skipped = 8 if self._number(at + head, 1) else 6
                yield from self._boxes(at + head + skipped, at + size, depth + 1)
            elif kind in (b"av01", b"hvc1", b"hev1"):  # a sample entry: 78 bytes, then boxes
                yield from self._boxes(at + head + 78, at + size, depth + 1)
            at += size

    def _joined(self, extents: list[tuple[int, int]], start: int) -> tuple[Reader, int]:
        """A reader of extents, one after another, and their size.

        Args:
            start: what their offsets are counted from.
        """
        places = [
            (start + offset, min(size or self._length, max(0, self._length - start - offset)))
            for offset, size in extents
        ]
        ends = list(accumulate(size for _, size in places))

        def read(at: int, count: int) -> bytes:
            content = b""
            while count > 0 and (n := bisect_right(ends, at)) < len(ends):
                offset, size = places[n]
                left = ends[n] - at
                content += self._read(offset + size - left, min(count, left))
                count -= left
                at += left
                self.step(n > 0)  # what is read may lie in many pieces
            return content

        return read, ends[-1] if ends else 0

    def _number(self, at: int, count: int) -> int:
        return int.from_bytes(self._read(at, count), "big")

    def _size(self, at: int, _: int) -> None:
        width, height = struct.unpack(">II", self._read(at + 4, 8))
        self.declared.append((width, height))

    def _colours(self, at: int, _: int) -> None:
        colours = self._read(at, 8)
        self.transfers.add(colours[6:8] if colours[:4] == b"nclx" else b"")

    def _kind(self, at: int, _: int) -> None:
        entry = self._read(at, 14)
        item, kind = struct.unpack_from(">I2x4s" if entry[0] > 2 else ">H2x4s", entry, 4)
        self.kinds.append((item, kind))

    def _width_of_ids(self, at: int, _: int) -> None:
        self._wide = self._number(at, 1) > 0

    def _reference(self, at: int, size: int) -> None:
        content = self._read(at, min(size, BOX_BYTES))
        letter, width = ("I", 4) if self._wide else ("H", 2)
        item, count = struct.unpack_from(f">{letter}H", content)
        self.step(count)
        parts = struct.unpack_from(f">{count}{letter}", content, width + 2)
        self.references.append((item, parts))

    def _sample_size(self, at: int, _: int) -> None:
        same, _, first = struct.unpack(">3I", self._read(at + 4, 12).ljust(12, b"\0"))
        self._tracks[-1].sizes.append(same or first)

    def _list_properties(self, at: int, size: int) -> None:
        places = self._boxes(at, at + size, DEEPEST - 1)  # without boxes inside them
        for number, (kind, start, length) in enumerate(places, 1):
            self._properties[number].add(start)
            self._understand(kind, start, length)

    def _associations(self, at: int, size: int) -> None:
        numbers = _Numbers(self._read(at, min(size, BOX_BYTES)))
        id_size = 4 if numbers.take(1) else 2
        property_size = 2 if numbers.take(3) & 1 else 1
        essential = 1 << 8 * property_size - 1
        for _ in range(numbers.take(4)):
            item, count = numbers.take(id_size), numbers.take(1)
            self.step(count + 1)
            self._of_items[item] |= {numbers.take(property_size) & ~essential for _ in range(count)}

    def _locations(self, at: int, size: int) -> None:
        numbers = _Numbers(self._read(at, min(size, BOX_BYTES)))
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
            self._items.append(Item(item, method, extents))


class _Numbers:
    """Takes numbers from the content of a box. Raises IndexError if it ends early."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> int:
        """A number of some bytes, most significant first."""
        self._at += count
        if self._at > len(self._content):
            raise IndexError
        return int.from_bytes(self._content[self._at - count : self._at], "big")
