"""Read the size of the frames inside AVIF and HEIC files, which may differ from the declared one.

A decoder allocates memory for the coded frame before it compares the sizes.
"""

import struct
from collections.abc import Callable, Iterator

from core.errors import BadImage

Reader = Callable[[int, int], bytes]  # (offset, count) → bytes, short at the end
Size = tuple[int, int]

PADDING = 64
"""Pixels by which a codec may pad each edge: its largest block."""
FRAME_BYTES = 1 << 22
"""Bytes of a frame that are searched for parameter sets, which come first."""
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"iprp", b"ipco", b"meta", b"stsd"}
_SEQUENCE_HEADER, _SPS = 1, 33


def declared_and_coded(read: Reader, length: int) -> tuple[list[Size], list[Size]]:
    """Sizes that the container declares, and those in the frames themselves.

    Source: ISO/IEC 14496-12 (boxes), 23008-12 (ispe, iloc), AV1 5.5 (sequence header),
    ITU-T H.265 7.3.2.2 (sequence parameter set).

    Args:
        read: reads the file.
        length: of the file in bytes.

    Raises:
        BadImage: the boxes are damaged.
    """
    declared: list[Size] = []
    frames: list[bytes] = []  # AV1 units
    parameter_sets: list[bytes] = []  # HEVC units
    offsets: list[tuple[int, int]] = []
    try:
        for kind, at, size in _boxes(read, 0, length):
            if kind == b"ispe":
                declared.append(struct.unpack(">II", read(at + 4, 8)))
            elif kind == b"av1C":
                frames.append(read(at + 4, min(size - 4, FRAME_BYTES)))
            elif kind == b"hvcC":
                parameter_sets += _hevc_configuration(read(at, min(size, FRAME_BYTES)))
            elif kind == b"iloc":
                offsets += _item_extents(read(at, min(size, FRAME_BYTES)))
            elif kind in (b"stco", b"co64"):
                width = 4 if kind == b"stco" else 8
                first = int.from_bytes(read(at + 8, width), "big")
                offsets.append((first, length - first))
        for offset, size in offsets:
            block = read(offset, min(size or length, FRAME_BYTES))
            frames.append(block)
            parameter_sets += _length_prefixed(block)
        coded = [size for block in frames for size in _av1_sizes(block)]
        coded += [_hevc_size(unit) for unit in parameter_sets if (unit[0] >> 1) & 63 == _SPS]
    except (struct.error, IndexError) as error:
        raise BadImage("Damaged or incomplete picture. Export or download it again.") from error
    return declared, coded


def _boxes(read: Reader, start: int, end: int, depth: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and size of the content of all boxes."""
    at = start
    while at + 8 <= end and depth < 8:
        size, kind = struct.unpack(">I4s", read(at, 8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", read(at + 8, 8))[0], 16
        size = min(size or end - at, end - at)
        if size < head:
            return
        yield kind, at + head, size - head
        if kind in _CONTAINERS:
            skipped = {b"meta": 4, b"stsd": 8}.get(kind, 0)
            yield from _boxes(read, at + head + skipped, at + size, depth + 1)
        elif kind in (b"av01", b"hvc1", b"hev1"):  # a sample entry: 78 bytes, then boxes
            yield from _boxes(read, at + head + 78, at + size, depth + 1)
        at += size


def _item_extents(content: bytes) -> list[tuple[int, int]]:
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

    extents = []
    for _ in range(number(wide)):
        number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        for _ in range(number(2)):
            number(index_size)
            offset, length = base + number(offset_size), number(length_size)
            if method == 0:
                extents.append((offset, length))
        if at > len(content):
            raise IndexError
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


def _av1_sizes(block: bytes) -> Iterator[Size]:
    """Largest frame size in each sequence header of a series of AV1 units."""
    at = 0
    while at < len(block):
        kind, extended, sized = block[at] >> 3 & 15, block[at] & 4, block[at] & 2
        if block[at] & 0x81:  # a forbidden or reserved bit: no AV1
            return
        at += 2 if extended else 1
        length, shift = 0, 0
        while sized and at < len(block):
            length |= (block[at] & 127) << shift
            shift += 7
            at += 1
            if not block[at - 1] & 128:
                break
        end = at + length if sized else len(block)
        if kind == _SEQUENCE_HEADER:
            yield _av1_size(block[at : min(end, at + 128)])
        at = end


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


def _hevc_configuration(content: bytes) -> Iterator[bytes]:
    """The parameter sets in a decoder configuration record."""
    at = 23
    for _ in range(content[22]):
        count = struct.unpack_from(">H", content, at + 1)[0]
        at += 3
        for _ in range(count):
            size = struct.unpack_from(">H", content, at)[0]
            if size:
                yield content[at + 2 : at + 2 + size]
            at += 2 + size


def _length_prefixed(block: bytes) -> Iterator[bytes]:
    """The first units of a frame, each with four bytes of length."""
    at = 0
    while at + 6 <= len(block):
        size = struct.unpack_from(">I", block, at)[0]
        if not 2 <= size <= len(block) - at - 4:
            return
        yield block[at + 4 : at + 4 + min(size, 256)]
        at += 4 + size


def _hevc_size(unit: bytes) -> Size:
    bits = _Bits(unit[2:256].replace(b"\0\0\3", b"\0\0"))
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
