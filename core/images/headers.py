"""Check the headers of pictures for what would make a decoder spend unlimited time or memory."""

import re
import struct

from PIL import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from core.errors import BadImage
from core.images import coded_size, unsupported
from core.images.budget import SCAN_PIXELS, area, check_size
from core.images.formats import DAMAGED
from core.images.tags import check_raw, check_tags
from core.settings import Settings

PLAIN_PIXELS = 500_000  # decoders in Python: plain PPM, odd depths of PPM, run-length BMP
# Lossless WebP may have a group of tables for each 4 × 4 pixels (RFC 9649, 6.2.2).
GROUP_AREA, GROUP_BITS, MOST_GROUPS = 16, 20, 65_536
GROUP_COST = 800  # pixels that take as much memory as a group

MOST_ZEROS = 1 / 8
"""Share of a WebP below which zeros may be at its end: up to 8 % in one of a single colour."""
_PQ = re.compile(rb"\x00\x00\x00\x04cICP.\x10", re.DOTALL)
_WEBP_METADATA = re.compile(rb"EXIF|XMP ")
_LONGEST_START = 512
MOST_SEGMENTS = 10_000
_SEGMENT = re.compile(rb"\xff([^\x00\x01\xd0-\xd7\xff])")
"""A marker of JPEG that is followed by a length; one of the others is the end."""
_SCAN, _END = b"\xda", b"\xd9"
_IN_PYTHON = {"ppm", "ppm_plain", "bmp_rle"}
"""Decoders that Pillow runs in Python."""


def check(content: bytes, limits: Settings) -> None:
    """Check the headers of a picture.

    Raises:
        BadImage: decoding would take too much time or memory, or the colours need a display of
            HDR, or the end was not written.
    """
    head = content[:_LONGEST_START]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        check_size(_webp_size(head), limits, "WEBP")
        end = min(8 + int.from_bytes(head[4:8], "little"), len(content))
        # Metadata come last, and may be padded with zeros.
        is_cut = not content[int(end - MOST_ZEROS * end) : end].strip(b"\0")
        if is_cut and not _WEBP_METADATA.search(content, 0, end):
            raise BadImage(DAMAGED)
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        check_tags(content)
        check_raw(content)
    elif head.startswith(b"\x89PNG"):
        if _PQ.search(content, 0, max(0, content.find(b"IDAT"))):
            raise BadImage(coded_size.HDR)
    elif not head.startswith(b"\xff\xd8"):
        unsupported.check(head)
        if head[4:8] == b"ftyp":
            coded_size.check(content, limits)


def check_decoder(opened: ImageFile.ImageFile, content: bytes) -> None:
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
    if not isinstance(opened, JpegImageFile) or not opened.fp:
        return
    scans = _scans(content, opened.fp.tell())
    if scans * area(size) > SCAN_PIXELS and scans > 20:
        raise BadImage(
            f"This JPEG draws its {area(size):,} pixels {scans} times over. Save it again as an "
            "ordinary JPEG."
        )


def is_decoded_by_rows(opened: JpegImageFile, content: bytes) -> bool:
    """Whether a JPEG has all components in one scan; else the decoder keeps all coefficients.

    Args:
        opened: has been read up to its first scan.

    Source: ITU-T T.81, annex B.2.3: scan header SOS.
    """
    count = opened.layers
    scan = struct.pack(">HHB", 0xFFDA, 6 + 2 * count, count)
    start = opened.fp.tell() - 8 - 2 * count if opened.fp else 0
    return "progressive" not in opened.info and content.startswith(scan, start)


def cost_of_tables(size: tuple[int, int], content: bytes) -> int:
    """Pixels that take as much memory as the tables by which a WebP of a size may be decoded."""
    if b"VP8L" not in content and b"ALPH" not in content:  # neither lossless nor transparent
        return 0
    most = 8 * len(content) // GROUP_BITS
    return GROUP_COST * min(MOST_GROUPS, area(size) // GROUP_AREA, most)


def _scans(content: bytes, at: int) -> int:
    """Scans of a JPEG; what follows its end, such as the film of a motion photo, has none.

    Args:
        at: end of the first scan header.
    """
    scans = 1
    for _ in range(MOST_SEGMENTS):
        marker = _SEGMENT.search(content, at)
        if not marker or marker[1] == _END:
            return scans
        scans += marker[1] == _SCAN
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    return MOST_SEGMENTS


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
