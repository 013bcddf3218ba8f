"""Load untrusted pictures as they are stored, within limits of time and memory.

Nothing else decodes files from outside.
"""

import io
import re
import struct
import sys
from contextlib import ExitStack
from itertools import islice
from typing import NamedTuple

from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage
from core.images import corrections, headers, tags, unsupported
from core.images.bit_depth import (
    Depth,
    Scale,
    declared_range,
    depth_of,
    lower_bytes,
    stretched,
)
from core.images.budget import BUDGET, SHARES, area, check_size
from core.images.formats import FORMATS
from core.images.pixels import is_nearly_complete
from core.settings import Settings

# A JPEG of several scans, such as a progressive one, needs memory for all its coefficients, about
# four times that of its pixels.
SCANNED_PIXELS = 18_000_000
# Any other JPEG is decoded row by row, so one of four times the limit is decoded at half its size.
REDUCED_AREA = 4

READS = 200_000
"""Limit of reads from the file of a picture, mostly by parsers of Pillow in Python."""
JPEG_COPIES = 100 << 30
"""Sum of the offsets at which what comes before the first scan is read: Pillow joins parts of
metadata one by one, so that each may copy all before it. The longest parts make 80 GB of 50 MB."""
_TILE_SIZE = 322, 323  # tags of TIFF
GIF_FRAMES = 50_000
"""Places that may be further frames and are looked at."""
_GIF_FRAME = re.compile(rb"\0,(?=(.{8}))", re.DOTALL)
"""The end of a block and the start of a frame, followed by its place and size."""


class Loaded(NamedTuple):
    """A picture as stored.

    Attributes:
        kind: its format, as in `DecodedImage`.
        size: of the whole picture; `image` may be smaller.
        orientation: by EXIF, 1 to 8, to which `image` is still turned.
        depth, cut_short, has_frames: as in `DecodedImage`.
    """

    image: Image.Image
    kind: str
    size: tuple[int, int]
    orientation: int
    depth: Depth | None
    cut_short: bool
    has_frames: bool


class _File(io.BytesIO):
    """A file in memory that is read in a limited number of pieces, and perhaps of copies."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.pieces_left, self.copies_left = READS, sys.maxsize

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size)
        self.pieces_left -= 1
        self.copies_left -= self.tell()
        if self.pieces_left < 0 or self.copies_left < 0:
            raise BadImage(
                "This picture consists of too many blocks, or has too much metadata. Save it again."
            )
        return piece


class _Jpeg(JpegImageFile):
    """A JPEG whose metadata are bounded, and not searched for its resolution or other pictures."""

    fp: _File

    def _open(self) -> None:
        self.fp.copies_left = JPEG_COPIES
        super()._open()
        self.fp.copies_left = sys.maxsize

    def _read_dpi_from_exif(self) -> None:
        """Each of its numbers would become an object."""


def load(
    content: bytes, shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> Loaded:
    """Load the first picture of a file; the decoder may raise any exception if it is damaged.

    Args:
        shorter_edge, scale: as in `decode`.
        held: keeps the picture's part of the budget as long as its pixels are used.

    Raises:
        BadImage: it is beyond the limits, or cannot be read.
        NotEnoughResources: as in `Budget.hold`.
    """
    headers.check(content, limits)
    if content.startswith((b"\xff\xd8", b"\x89P")):
        # They end in a marker; zeros after it, as of an interrupted copy, would become pixels.
        content = content.rstrip(b"\0")
    loaded = _load(content, shorter_edge, scale, limits, held)
    if not (loaded.cut_short and loaded.kind == "JPEG"):
        return loaded
    del loaded
    held.close()  # the next attempt takes its part of the budget again
    # With an end marker, the decoder also gives its last rows.
    ended = content + b"\xff\xd9"
    return _load(ended, shorter_edge, scale, limits, held)._replace(cut_short=True)


def _load(
    content: bytes, shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> Loaded:
    """Load a picture whose headers have been checked; arguments as above."""
    with _identified(content) as opened:
        corrections.correct_decoder(opened)
        kind, size, lower = opened.format or "", opened.size, lower_bytes(opened)
        copies = 2 if lower and scale.gain > 1 else 1
        cost = copies * _plan(opened, kind, content, shorter_edge, limits)
        held.enter_context(BUDGET.hold(cost))
        frames = _has_frames(opened, content)
        cut_short = _read_pixels(opened, kind, size, limits)
        # A bare image, so that the buffers of the decoder are freed before the next copy.
        image = corrections.correct_values(opened._new(opened.im), opened)
        depth = depth_of(image, declared_range(opened), colours=bool(lower))
        if copies > 1:
            with _identified(content) as low:
                corrections.correct_decoder(low)
                low.tile = lower
                low.load()
                image = stretched(image, low, scale.gain)
        orientation = tags.orientation(opened.info)
        if kind == "TIFF":  # Pillow has already turned it
            size, orientation = image.size, 1
        return Loaded(image, kind, size, orientation, depth, cut_short, frames)


def _plan(
    opened: ImageFile.ImageFile,
    kind: str,
    content: bytes,
    shorter_edge: int | None,
    limits: Settings,
) -> float:
    """Choose the size at which a picture is decoded, and refuse what would cost too much.

    Returns:
        Pixels that it takes from the budget.
    """
    size = opened.size
    by_rows = isinstance(opened, _Jpeg) and headers.is_decoded_by_rows(opened, content)
    in_memory = kind == "JPEG" and not by_rows  # all of it, at its full size
    check_size(size, limits, kind, times=REDUCED_AREA if by_rows else 1)
    headers.check_decoder(opened, content)
    if area(size) > (SCANNED_PIXELS if in_memory else limits.picture_pixels):
        shorter_edge = min(shorter_edge or min(size), min(size) // 2)
    if kind == "JPEG" and shorter_edge:
        opened.draft(None, (shorter_edge, shorter_edge))
    for tile in opened.tile:
        left, top, right, bottom = tile[1] or (0, 0, 0, 0)
        check_size((right - left, bottom - top), limits)
    allocated = size if in_memory else opened.size
    if isinstance(opened, TiffImageFile):
        # The decoder allocates a whole tile, which may be larger than the picture.
        tile_size = tuple(opened.tag_v2.get(tag, 1) for tag in _TILE_SIZE)
        allocated = max(allocated, tile_size, key=area)
        check_size(allocated, limits)
    tables = headers.cost_of_tables(size, content) if kind == "WEBP" else 0
    return area(allocated) / SHARES.get(kind, 1) + tables


def _has_frames(opened: ImageFile.ImageFile, content: bytes) -> bool:
    """Whether a file has more pages or frames than the first; copies of it are none."""
    if opened.format == "GIF":  # Pillow would step through all blocks of the first in Python
        matches = islice(_GIF_FRAME.finditer(content, opened.tile[0].offset), GIF_FRAMES)
        boxes = (struct.unpack("<4H", match[1]) for match in matches)
        width, height = opened.size
        return any(0 < w <= width - x and 0 < h <= height - y for x, y, w, h in boxes)
    if opened.format == "TIFF":
        return tags.has_pages(content)
    return getattr(opened, "is_animated", False)


def _read_pixels(
    opened: ImageFile.ImageFile, kind: str, size: tuple[int, int], limits: Settings
) -> bool:
    """Decode a picture of a size; whether the end of its file is missing, with a small part."""
    try:
        opened.load()
        cut_short = False
    except OSError:
        cut_short = is_nearly_complete(opened, kind, opened.size[1] / size[1])
        if not cut_short:
            raise
    check_size(opened.size, limits, kind)
    return cut_short


def _identified(content: bytes) -> ImageFile.ImageFile:
    """The picture in a file, not yet loaded."""
    file = _File(content)
    try:
        if content.startswith(b"\xff\xd8\xff"):
            return _Jpeg(file)
        opened = Image.open(file, formats=FORMATS)
        if opened.format in ("BMP", "PPM"):
            file.pieces_left = sys.maxsize  # their decoders read pixel by pixel
        return opened
    except (Image.UnidentifiedImageError, SyntaxError) as error:
        if kind := unsupported.kind(content):
            raise BadImage(
                f"This {kind} file is damaged, or of a kind that Tusker does not read. Export or "
                "download it again, or save it as PNG of 8 bits."
            ) from error
        raise
