"""Read the size of the frames inside AVIF and HEIC files, which may differ from the declared one.

A decoder allocates memory for the coded frame before it compares the sizes.
"""

import struct
from collections.abc import Iterator

from core.errors import BadImage
from core.images.tags import Reader

Size = tuple[int, int]

PADDING = 64
"""Pixels by which a codec may pad each edge: its largest block."""
BOX_BYTES = 1 << 22
"""Largest box that is read whole; a list of a hundred thousand items is smaller."""
STEPS = 50_000
"""Boxes, extents and units of frames in one file: each is a step of a loop in Python."""
TOO_MANY = "This picture consists of too many blocks. Save it again."
HEADER_BYTES = 256
"""Bytes that a sequence header or parameter set needs up to the size."""
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"meta", b"stsd"}
_SEQUENCE_HEADER, _SPS = 1, 33
_PQ = b"\0\x10"  # transfer characteristics of ITU-T H.273, table 3
DEEPEST = 8
"""Boxes inside each other."""


def declared_and_coded(read: Reader, length: int) -> tuple[list[Size], list[Size]]:
    """Sizes that the container declares, and those in the frames themselves.

    Source: ISO/IEC 14496-12 (boxes, colr), 23008-12 (ispe, iloc), AV1 5.5 (sequence header),
    ITU-T H.265 7.3.2.2 (sequence parameter set).

    Args:
        length: of the file in bytes.

    Raises:
        BadImage: the boxes are damaged, or too many, or the colours need a display of HDR.
    """
    walk = _Walk(read, length)
    declared: list[Size] = []
    coded: list[Size] = []
    extents: list[tuple[int, int]] = []
    codecs: set[bytes] = set()
    colours: set[bytes] = set()
    try:
        for kind, at, size in walk.boxes(0, length):
            if kind == b"ispe":
                declared.append(struct.unpack(">II", read(at + 4, 8)))
            elif kind == b"av1C":
                codecs.add(kind)
                coded += walk.av1_sizes(at + 4, at + size)
            elif kind == b"hvcC":
                codecs.add(kind)
                coded += map(_hevc_size, walk.parameter_sets(read(at, min(size, BOX_BYTES))))
            elif kind == b"colr":
                colours.add(_transfer(read(at, 8)))
            elif kind == b"iloc":
                extents += walk.item_extents(read(at, min(size, BOX_BYTES)))
            elif kind in (b"stco", b"co64"):  # of a sequence, where the first frame begins
                first = int.from_bytes(read(at + 8, 4 if kind == b"stco" else 8), "big")
                extents.append((first, 0))
        for offset, size in extents:
            end = min(length, offset + size if size else length)
            if b"av1C" in codecs:
                coded += walk.av1_sizes(offset, end)
            if b"hvcC" in codecs:
                coded += walk.hevc_sizes(offset, end)
    except (struct.error, IndexError) as error:
        raise BadImage("Damaged or incomplete picture. Export or download it again.") from error
    if colours == {_PQ}:  # a gain map may have it beside a picture that has not
        raise BadImage(
            "Found a picture of high dynamic range (PQ), which Tusker does not read. Save it with "
            "standard dynamic range (SDR)."
        )
    return declared, coded


def _transfer(colours: bytes) -> bytes:
    """Transfer function in a box of colours; empty if there is a profile instead."""
    return colours[6:8] if colours[:4] == b"nclx" else b""


class _Walk:
    """Steps through the boxes and units of a file, up to a number of steps."""

    def __init__(self, read: Reader, length: int) -> None:
        self._read, self._length, self._steps = read, length, 0

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > STEPS:
            raise BadImage(TOO_MANY)

    def boxes(self, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
        """Kind, start and size of the content of all boxes."""
        at = start
        while at + 8 <= end and depth < DEEPEST:
            self._step()
            size, kind = struct.unpack(">I4s", self._read(at, 8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", self._read(at + 8, 8))[0], 16
            size = min(size or end - at, end - at)
            if size < head:
                return
            yield kind, at + head, size - head
            if kind in _CONTAINERS:
                skipped = {b"meta": 4, b"stsd": 8}.get(kind, 0)
                yield from self.boxes(at + head + skipped, at + size, depth + 1)
            elif kind in (b"av01", b"hvc1", b"hev1"):  # a sample entry: 78 bytes, then boxes
                yield from self.boxes(at + head + 78, at + size, depth + 1)
            at += size

    def av1_sizes(self, at: int, end: int) -> Iterator[Size]:
        """Largest frame size in each sequence header of a series of AV1 units."""
        while at < end:
            self._step()
            head = self._read(at, 10)
            if not head or head[0] & 0x81:  # a forbidden or reserved bit: no AV1
                return
            kind, start = head[0] >> 3 & 15, 2 if head[0] & 4 else 1
            size = end - at - start
            if head[0] & 2:
                size = shift = 0
                while True:
                    size |= (head[start] & 127) << shift
                    shift, start = shift + 7, start + 1
                    if not head[start - 1] & 128:
                        break
            if kind == _SEQUENCE_HEADER:
                yield _av1_size(self._read(at + start, min(size, HEADER_BYTES)))
            at += start + size

    def hevc_sizes(self, at: int, end: int) -> Iterator[Size]:
        """Frame size in each parameter set of a series of HEVC units with their lengths."""
        while at + 6 <= end:
            self._step()
            head = self._read(at, 6)
            size = struct.unpack_from(">I", head)[0]
            if not 2 <= size <= end - at - 4:
                return
            if head[4] >> 1 & 63 == _SPS:
                yield _hevc_size(self._read(at + 4, min(size, HEADER_BYTES)))
            at += 4 + size

    def parameter_sets(self, content: bytes) -> Iterator[bytes]:
        """The sequence parameter sets in a decoder configuration record."""
        at = 23
        for _ in range(content[22]):
            kind, count = content[at] & 63, struct.unpack_from(">H", content, at + 1)[0]
            at += 3
            self._step(count)
            for _ in range(count):
                size = struct.unpack_from(">H", content, at)[0]
                if kind == _SPS:
                    yield content[at + 2 : at + 2 + size]
                at += 2 + size

    def item_extents(self, content: bytes) -> list[tuple[int, int]]:
        """Offset and length of the extents of all items that lie in the file itself."""
        version, sizes = content[0], struct.unpack_from(">H", content, 4)[0]
        offset_size, length_size = sizes >> 12, sizes >> 8 & 15
        base_size, index_size = sizes >> 4 & 15, sizes & 15 if version else 0
        wide = 4 if version == 2 else 2
        at = 6

        def number(count: int) -> int:
            nonlocal at
            at += count
            return int.from_bytes(content[at - count : at], "big")

        extents: list[tuple[int, int]] = []
        for _ in range(number(wide)):
            number(wide)
            method = number(2) & 15 if version else 0
            number(2)
            base, count = number(base_size), number(2)
            self._step(count + 1)
            if at > len(content):
                raise BadImage(TOO_MANY)
            for _ in range(count):
                number(index_size)
                offset, length = base + number(offset_size), number(length_size)
                if method == 0:
                    extents.append((offset, length))
        return extents


class _Bits:
    """Reads numbers of some bits, most significant first."""

    def __init__(self, content: bytes) -> None:
        self._number = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def read(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise IndexError
        return self._number >> self._left & (1 << count) - 1

    def exp_golomb(self) -> int:
        zeros = 0
        while not self.read(1):
            zeros += 1
        return (1 << zeros) - 1 + self.read(zeros)


def _av1_size(header: bytes) -> Size:
    bits = _Bits(header)
    bits.read(4)
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        delay_bits = 0
        if bits.read(1):  # timing_info_present_flag
            bits.read(64)
            if bits.read(1):
                bits.exp_golomb()
            if bits.read(1):  # decoder_model_info_present_flag
                delay_bits = bits.read(5) + 1
                bits.read(42)
        display_delay = bits.read(1)
        for _ in range(bits.read(5) + 1):
            bits.read(12)
            if bits.read(5) > 7:
                bits.read(1)
            if delay_bits and bits.read(1):
                bits.read(2 * delay_bits + 1)
            if display_delay and bits.read(1):
                bits.read(4)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(width_bits) + 1, bits.read(height_bits) + 1


def _hevc_size(unit: bytes) -> Size:
    bits = _Bits(unit[2:HEADER_BYTES].replace(b"\0\0\3", b"\0\0"))
    bits.read(4)
    layers = bits.read(3)
    bits.read(1 + 96)
    present = [(bits.read(1), bits.read(1)) for _ in range(layers)]
    bits.read(2 * (8 - layers) if layers else 0)
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:  # chroma_format_idc
        bits.read(1)
    return bits.exp_golomb(), bits.exp_golomb()
