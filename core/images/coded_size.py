"""Check the size of the frames inside AVIF and HEIC files, which may differ from the declared one.

A decoder allocates memory for the coded frame before it compares the sizes.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator

from core.errors import BadImage
from core.images.boxes import UNUSUAL, Boxes
from core.images.budget import SCAN_PIXELS, check_size
from core.images.formats import DAMAGED
from core.images.frame_headers import HEADER_BYTES, Size, av1_size, hevc_size
from core.images.tags import TAG_NUMBERS, check_tags, without_headings
from core.settings import Settings

PADDING = 64
"""Pixels by which a codec may pad each edge: its largest block."""
# Kinds of items: frames, pictures of tiles, and layers or bare pixels, which no camera writes.
_FRAMES, _GRID, _UNREAD = {b"av01", b"hvc1"}, b"grid", {b"iovl", b"unci"}
# Kinds of units: of AV1, and of HEVC, where those below are slices.
_SEQUENCE_HEADER, _FRAME_HEADERS = 1, (3, 6)
_SPS, _SLICES = 33, 32
EXIF_STEPS = 10_000
"""Steps that a large block of EXIF counts for."""
HDR = (
    "Found a picture of high dynamic range (PQ), which Tusker does not read. Save it with standard "
    "dynamic range (SDR)."
)
LEFT_BY_CROP = 0.95
"""Share of an edge below which an AVIF is cropped; what some encoders pad it by is less."""
ZEROS = bytes(512)
"""What no coded frame ends in, but an interrupted copy does."""
_PQ = b"\0\x10"  # transfer characteristics of ITU-T H.273, table 3


def check(file: bytes, limits: Settings) -> None:
    """Check what a decoder may have to decode of an AVIF or a HEIC.

    Raises:
        BadImage: frames are larger than allowed or than declared, or too many; the boxes are
            damaged, too many, or describe something else than frames and tiles; frames end in
            zeros; the colours need a display of HDR; an AVIF is to be cropped; or EXIF has too many
            numbers.
    """
    try:
        boxes = Boxes(file)
        sizes, pixels = _frames(boxes)
    except (struct.error, IndexError) as error:
        raise BadImage(DAMAGED) from error
    if boxes.transfers == {_PQ}:  # a gain map may have it beside a picture that has not
        raise BadImage(HDR)
    widest = max((width for width, _ in boxes.declared), default=0)
    highest = max((height for _, height in boxes.declared), default=0)
    if not boxes.hevc and any(
        width < LEFT_BY_CROP * widest or height < LEFT_BY_CROP * highest
        for width, height in boxes.apertures
    ):  # its decoder ignores them
        raise BadImage("This AVIF is to be cropped, which Tusker does not do. Save it as PNG.")
    for (width, height), kind in sizes.items():
        check_size((width, height), limits, kind)
        if boxes.declared and (width > widest + PADDING or height > highest + PADDING):
            raise BadImage(
                f"This picture declares {widest} × {highest} pixels and holds {width} × {height}. "
                "Save it again."
            )
    if pixels > SCAN_PIXELS:
        raise BadImage(
            f"The frames of this picture have {pixels / 1e6:,.0f} million pixels, far more than it "
            "has. Save it again."
        )


def _frames(boxes: Boxes) -> tuple[dict[Size, str], int]:
    """Sizes of frames and of pictures of tiles, each with the kind whose limit it has.

    Returns:
        Also the most pixels that one picture takes: those of its tiles, layers and hidden frames.
    """
    grids = _grids(boxes)
    exif = {item for item, kind in boxes.kinds if kind == b"Exif"}
    frames = {0} | {item for item, kind in boxes.kinds if kind in _FRAMES}
    units = _Units(boxes)
    # Properties, and entries of sequences, by their offset.
    described = {at: list(units.av1_sizes(record[4:])) for at, record in boxes.av1.items()}
    for at, record in boxes.hevc.items():
        described[at] = list(map(hevc_size, units.parameter_sets(record)))
    coded = [size for sizes in described.values() for size in sizes]
    composed: list[Size] = []
    pixels: defaultdict[int, int] = defaultdict(int)
    for item, content in boxes.items():
        if item in frames and content[-len(ZEROS) :] == ZEROS:
            raise BadImage(DAMAGED)
        if item in exif and len(content) > TAG_NUMBERS:  # Pillow makes an object of each
            boxes.step(EXIF_STEPS)
            check_tags(without_headings(content[4:]))
        if item in grids:
            form = ">II" if content[1] & 1 else ">HH"
            composed.append(struct.unpack_from(form, content, 4))
        own: list[Size] = []
        units.frames = 0
        if boxes.av1:
            own += units.av1_sizes(content)
        if boxes.hevc:
            own += units.hevc_sizes(content)
        coded += own
        for at in boxes.properties(item) & described.keys() or described:
            own += described[at]
            boxes.step(len(described[at]))
        largest = max((width * height for width, height in own), default=0)
        pixels[item] = max(pixels[item], max(1, units.frames) * largest)
    for item, tiles in grids.items():
        pixels[item] = sum(pixels[tile] for tile in tiles)
    kinds = dict.fromkeys(composed, "") | dict.fromkeys(coded, "AVIF")
    return kinds, max(pixels.values(), default=0)


def _grids(boxes: Boxes) -> dict[int, list[int]]:
    """The pictures that are put together from tiles, with their tiles."""
    grids: dict[int, list[int]] = {item: [] for item, kind in boxes.kinds if kind == _GRID}
    others = {item for item, kind in boxes.kinds if kind not in _FRAMES}
    for item, parts in boxes.references:
        if item in grids:
            grids[item] += parts
            # A few bytes can describe very many tiles of tiles.
            if not others.isdisjoint(parts):
                raise BadImage(UNUSUAL)
    if any(kind in _UNREAD for _, kind in boxes.kinds):
        raise BadImage(UNUSUAL)
    return grids


class _Units:
    """Steps through the units of frames.

    Attributes:
        frames: number of frames in the units so far.
    """

    def __init__(self, boxes: Boxes) -> None:
        self._step = boxes.step
        self.frames = 0

    def av1_sizes(self, content: memoryview) -> Iterator[Size]:
        """Largest frame size in each sequence header of a series of AV1 units."""
        at = 0
        while at < len(content):
            self._step()
            head = content[at : at + 10]
            if head[0] & 0x81:  # a forbidden or reserved bit: no AV1
                return
            kind, start = head[0] >> 3 & 15, 2 if head[0] & 4 else 1
            size = len(content) - at - start
            if head[0] & 2:
                size = shift = 0
                while True:
                    size |= (head[start] & 127) << shift
                    shift, start = shift + 7, start + 1
                    if not head[start - 1] & 128:
                        break
            self.frames += kind in _FRAME_HEADERS
            at += start
            if kind == _SEQUENCE_HEADER:
                yield av1_size(content[at : at + min(size, HEADER_BYTES)])
            at += size

    def hevc_sizes(self, content: memoryview) -> Iterator[Size]:
        """Frame size in each parameter set of a series of HEVC units with their lengths."""
        at = 0
        while at + 6 <= len(content):
            self._step()
            (size,) = struct.unpack_from(">I", content, at)
            unit = content[at + 4 : at + 4 + size]
            if not 2 <= size == len(unit):
                return
            kind = unit[0] >> 1 & 63
            # The first slice of a frame.
            self.frames += kind < _SLICES and len(unit) > 2 and unit[2] >> 7
            if kind == _SPS:
                yield hevc_size(unit)
            at += 4 + size

    def parameter_sets(self, record: memoryview) -> Iterator[memoryview]:
        """The sequence parameter sets in a decoder configuration record."""
        at = 23
        for _ in range(record[22]):
            kind, count = record[at] & 63, struct.unpack_from(">H", record, at + 1)[0]
            at += 3
            self._step(count)
            for _ in range(count):
                size = struct.unpack_from(">H", record, at)[0]
                if kind == _SPS:
                    yield record[at + 2 : at + 2 + size]
                at += 2 + size
