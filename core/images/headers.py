"""Check the headers of pictures for what would make a decoder spend unlimited time or memory."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import IO

from PIL import ImageFile

from core.errors import BadImage
from core.images import foreign
from core.images.coded_size import PADDING, frames
from core.images.tags import (
    TAG_BYTES,
    Reader,
    check_raw,
    check_tags,
    within_block,
    within_file,
)
from core.settings import Settings

# Limits of what a decoder may spend on one picture, measured with Pillow 13 on 25 million pixels.
SCAN_PIXELS = 600_000_000  # pixels × scans of a progressive JPEG, or frames of AVIF and HEIC
PLAIN_PIXELS = 500_000  # decoders in Python: plain PPM, odd depths of PPM, run-length BMP
# Share of the pixel limit for decoders that keep several copies.
SHARES = {"WEBP": 0.5, "AVIF": 0.7}
# Of lossless WebP, which may have a group of tables for each 4 × 4 pixels (RFC 9649, 6.2.2).
GROUP_AREA, GROUP_BITS, MOST_GROUPS = 16, 20, 65_536
GROUP_COST = 800  # pixels that take as much memory as a group
MAXIMUM_BLOCKS = 50_000
LONGEST_EDGE = 65_535  # the most that JPEG allows

_LONGEST_START = 512
_IN_PYTHON = {"ppm", "ppm_plain", "bmp_rle"}
"""Decoders that Pillow runs in Python."""

# Markers of JPEG (ITU-T T.81, table B.1).
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = {0xC0, 0xC1, 0xC9}
_SCAN = 0xDA
_WITHOUT_CONTENT = {0x00, 0x01, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}

Block = tuple[int, int, int]  # offset, kind, size


def check(file: IO[bytes], limits: Settings) -> None:
    """Check the headers of a picture.

    Args:
        file: open for reading, at its start; the position changes.

    Raises:
        BadImage: decoding would take too much time or memory.
    """
    head = file.read(_LONGEST_START)
    if head.startswith(b"\xff\xd8"):
        _check_jpeg(file)
    elif head.startswith(b"\x89PNG\r\n\x1a\n"):
        _count_blocks(_png_chunks(within_file(file)))
    elif head[:3] == b"GIF":
        _count_blocks(_gif_blocks(within_file(file)))
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        check_size(_webp_size(head), limits, "WEBP")
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        check_tags(within_file(file))
        check_raw(within_file(file))
    elif re.match(rb"P[1-6fy]\s", head):
        # Pillow reads the header byte by byte, in Python.
        words = re.sub(rb"#[^\r\n]*", b" ", head).split()
        if len(words) < (3 if head[1:2] in b"14" else 4):
            raise BadImage("The header of this picture has no size. Save it as PNG or JPEG.")
    else:
        foreign.check(head)
        if head[4:8] == b"ftyp":
            _check_frames(file, limits)


def _check_frames(file: IO[bytes], limits: Settings) -> None:
    """Refuse AVIF and HEIC whose frames are larger than allowed or than declared, or too many."""
    length = file.seek(0, 2)
    found = frames(within_file(file), length)
    widest = max((width for width, _ in found.declared), default=0)
    highest = max((height for _, height in found.declared), default=0)
    kinds = dict.fromkeys(found.composed, "") | dict.fromkeys(found.coded, "AVIF")
    for (width, height), kind in kinds.items():
        check_size((width, height), limits, kind)
        if found.declared and (width > widest + PADDING or height > highest + PADDING):
            raise BadImage(
                f"This picture declares {widest} × {highest} pixels and holds {width} × {height}. "
                "Save it again."
            )
    if found.pixels > SCAN_PIXELS:
        raise BadImage(
            f"The frames of this picture have {found.pixels / 1e6:,.0f} million pixels, far more "
            "than it has. Save it again."
        )


def check_size(size: tuple[int, int], limits: Settings, kind: str = "", *, times: int = 1) -> None:
    """Check width and height against the pixel limit of a format, or some times that limit.

    Raises:
        BadImage: there are more pixels than allowed.
    """
    if max(size) > LONGEST_EDGE:
        raise BadImage(
            f"Pictures may be up to {LONGEST_EDGE:,} pixels wide and high; this one has "
            f"{size[0]:,} × {size[1]:,}. Make it smaller."
        )
    most = limits.picture_pixels * SHARES.get(kind, 1) * times
    if area(size) > most:
        raise BadImage(
            f"Pictures like this may have up to {most / 1e6:g} million pixels; this one has "
            f"{size[0]} × {size[1]}. Make it smaller, or raise "
            f"{Settings.variable('picture_pixels')}."
        )


def area(size: tuple[int, int]) -> int:
    """Width times height."""
    return size[0] * size[1]


def check_decoder(opened: ImageFile.ImageFile, file: IO[bytes]) -> None:
    """Check what the decoder of an opened picture would do: draw it many times, or work in Python.

    Raises:
        BadImage: it would take too much time.
    """
    size = opened.size
    if area(size) > PLAIN_PIXELS and any(tile[0] in _IN_PYTHON for tile in opened.tile):
        raise BadImage(
            f"Pictures with this encoding may have up to {PLAIN_PIXELS:,} pixels; this one has "
            f"{size[0]} × {size[1]}. Save it as PNG or JPEG."
        )
    if not any(tile[0] == "jpeg" for tile in opened.tile):
        return
    scans, last = 0, b""
    file.seek(0)
    while block := file.read(1 << 20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
    if scans * area(size) > SCAN_PIXELS and scans > 20:
        raise BadImage(
            f"This JPEG draws its {area(size):,} pixels {scans} times over. Save it again as an "
            "ordinary JPEG."
        )


def is_decoded_by_rows(file: IO[bytes]) -> bool:
    """Whether a JPEG has all components in one scan; else the decoder keeps all coefficients.

    Source: ITU-T T.81, annex B.2: frame headers SOF0 and SOF1, scan header SOS.
    """
    read, components = within_file(file), b""
    for at, kind, _ in _jpeg_segments(read):
        if kind in _FRAMES:
            if kind not in _SEQUENTIAL:
                return False
            components = read(at + 9, 1)
        elif kind == _SCAN:
            return read(at + 4, 1) == components
    return False


def _check_jpeg(file: IO[bytes]) -> None:
    """Check EXIF and multi-picture directories, joined as Pillow joins them."""
    exif: list[bytes] = []
    index, resources = b"", 0
    read = within_file(file)
    for at, kind, size in _count_blocks(_jpeg_segments(read)):
        body = read(at + 4, size - 2) if kind in (0xE1, 0xE2, 0xED) else b""
        resources += body.count(b"8BIM") if kind == 0xED else 0
        if kind == 0xE1 and body.startswith(b"Exif\0\0"):
            exif.append(body[6:])
        elif kind == 0xE2 and body.startswith(b"MPF\0"):
            index = body[4:]  # of several, Pillow reads the last
    if resources > MAXIMUM_BLOCKS:
        raise BadImage("This picture holds too many Photoshop resources. Save it again.")
    if (total := sum(map(len, exif))) > TAG_BYTES:
        raise BadImage(
            f"The metadata of this picture take {total / 2**20:.0f} MB. Save it again without them."
        )
    for block in (index, b"".join(exif)):
        check_tags(within_block(block))


def _count_blocks(blocks: Iterator[Block]) -> list[Block]:
    """List blocks, up to a limit: Pillow iterates over them in Python."""
    counted = list(islice(blocks, MAXIMUM_BLOCKS + 1))
    if len(counted) > MAXIMUM_BLOCKS:
        raise BadImage("This picture consists of too many blocks. Save it again.")
    return counted


def _jpeg_segments(read: Reader) -> Iterator[Block]:
    """Segments up to the first scan and with it; bytes between them are skipped, as Pillow does."""
    at = 2
    while len(marker := read(at, 4)) > 1:
        kind = marker[1] if marker[0] == 0xFF else 0
        size = int.from_bytes(marker[2:], "big")
        yield at, kind, size
        if kind == _SCAN:
            return
        if marker[0] != 0xFF or kind == 0xFF:
            at += 1
        else:
            at += 2 if kind in _WITHOUT_CONTENT else 2 + max(size, 2)


def _png_chunks(read: Reader) -> Iterator[Block]:
    at = 8
    while len(head := read(at, 8)) == 8:
        size = int.from_bytes(head[:4], "big")
        yield at, 0, size
        at += 12 + size


def _gif_blocks(read: Reader) -> Iterator[Block]:
    """Extension blocks and their sub-blocks, up to the first picture."""
    flags = read(10, 1)
    at = 13 + (3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0)
    while (head := read(at, 2)) and head[0] != 0x2C:
        yield at, head[0], 0
        at += 2 if head[0] == 0x21 else 1
        while head[0] == 0x21 and (size := read(at, 1)) and size[0]:
            yield at, 0, size[0]
            at += 1 + size[0]
        at += head[0] == 0x21


def cost_of_tables(size: tuple[int, int], file: IO[bytes]) -> int:
    """Pixels that take as much memory as the tables by which a WebP may be decoded.

    Args:
        size: of the picture.
    """
    file.seek(0)
    content = file.read()
    if b"VP8L" not in content and b"ALPH" not in content:  # neither lossless nor transparent
        return 0
    most = 8 * len(content) // GROUP_BITS
    return GROUP_COST * min(MOST_GROUPS, area(size) // GROUP_AREA, most)


def _webp_size(head: bytes) -> tuple[int, int]:
    """Size of the canvas, which the decoder allocates before it reports the size.

    Source: RFC 9649, sections 2.5 to 2.7.
    """

    def number(first: int, last: int) -> int:
        return int.from_bytes(head[first:last], "little")

    kind = head[12:16]
    if kind == b"VP8X":
        return number(24, 27) + 1, number(27, 30) + 1
    if kind == b"VP8L":
        bits = number(21, 25)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF
