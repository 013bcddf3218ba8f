"""Load untrusted pictures as they are stored, within limits of time and memory.

Nothing else decodes files from outside.
"""

import io
import re
import struct
from contextlib import ExitStack
from itertools import islice
from typing import IO, Any, NamedTuple

from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage
from core.images import corrections, foreign, headers, tags
from core.images.budget import BUDGET
from core.images.depth import (
    Depth,
    Scale,
    declared_range,
    depth_of,
    lower_bytes,
    stretched,
)
from core.images.formats import FORMATS
from core.images.headers import SHARES, area, check_size
from core.images.pixels import is_nearly_whole
from core.settings import Settings

# A JPEG of several scans, such as a progressive one, needs memory for all its coefficients, about
# four times that of its pixels.
SCANNED_PIXELS = 18_000_000
# Any other JPEG is decoded row by row, so one of four times the limit is decoded at half its size.
REDUCED_AREA = 4

_TILE_SIZE = 322, 323  # tags of TIFF
_GIF_FRAME = re.compile(rb"\0,(?=(.{8}))", re.DOTALL)
"""The end of a block and the start of a frame, followed by its place and size."""


class Loaded(NamedTuple):
    """A picture as stored.

    Attributes:
        kind: its format, as in `DecodedImage`.
        size: of the whole picture; `image` may be smaller.
        turn: EXIF orientation that `image` still needs.
        depth, cut_short, has_frames: as in `DecodedImage`.
    """

    image: Image.Image
    kind: str
    size: tuple[int, int]
    turn: int
    depth: Depth | None
    cut_short: bool
    has_frames: bool


class _Plan(NamedTuple):
    """How a picture is decoded.

    Attributes:
        kind, size: as in `Loaded`.
        lower: tiles with the lower bytes of colours of 16 bits.
        cost: pixels that it takes from the budget.
    """

    kind: str
    size: tuple[int, int]
    lower: list[Any]
    cost: float


def load(
    file: IO[bytes], shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> Loaded:
    """Load the first picture of a file; the decoder may raise any exception if it is damaged.

    Args:
        file: at its start.
        shorter_edge, scale: as in `decode`.
        held: keeps the picture's part of the budget as long as its pixels are used.

    Raises:
        BadImage: it is beyond the limits, or cannot be read.
        NotEnoughResources: as in `Budget.hold`.
    """
    headers.check(file, limits)
    file = _without_padding(file)
    loaded = _load(file, shorter_edge, scale, limits, held)
    if not (loaded.cut_short and loaded.kind == "JPEG"):
        return loaded
    del loaded
    held.close()  # the next attempt takes its part of the budget again
    file.seek(0)
    # With an end marker, the decoder also gives its last rows.
    ended = io.BytesIO(file.read() + b"\xff\xd9")
    return _load(ended, shorter_edge, scale, limits, held)._replace(cut_short=True)


def _without_padding(file: IO[bytes]) -> IO[bytes]:
    """A file without the zeros at its end, as of an interrupted copy: they would become pixels.

    Only of JPEG and PNG, which end in a marker without zeros.
    """
    file.seek(0)
    has_marker = file.read(2) in (b"\xff\xd8", b"\x89P")
    file.seek(-1, io.SEEK_END)
    is_padded = file.read() == b"\0"
    if not (has_marker and is_padded):
        return file
    file.seek(0)
    return io.BytesIO(file.read().rstrip(b"\0"))


def _load(
    file: IO[bytes], shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> Loaded:
    """Load a picture whose headers have been checked; arguments as above."""
    file.seek(0)
    with _identified(file) as opened:
        corrections.correct_decoder(opened)
        plan = _plan(opened, file, shorter_edge, scale, limits)
        held.enter_context(BUDGET.hold(plan.cost))
        frames = _has_frames(opened, file)
        cut_short = _read_pixels(opened, plan, limits)
        image, depth = _as_stored(opened, file, plan, scale)
        size, turn = plan.size, tags.orientation(opened.info)
        if plan.kind == "TIFF":  # Pillow has already turned it
            size, turn = image.size, 1
        return Loaded(image, plan.kind, size, turn, depth, cut_short, frames)


def _plan(
    opened: ImageFile.ImageFile,
    file: IO[bytes],
    shorter_edge: int | None,
    scale: Scale,
    limits: Settings,
) -> _Plan:
    """Choose the size at which a picture is decoded, and refuse what would cost too much."""
    kind = "JPEG" if opened.format == "MPO" else opened.format or ""
    size = opened.size
    by_rows = kind == "JPEG" and headers.is_decoded_by_rows(file)
    in_memory = kind == "JPEG" and not by_rows  # all of it, at its full size
    check_size(size, limits, kind, times=REDUCED_AREA if by_rows else 1)
    headers.check_decoder(opened, file)
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
    lower = lower_bytes(opened)
    copies = 2 if lower and scale.gain > 1 else 1
    cost = copies * area(allocated) / SHARES.get(kind, 1)
    if kind == "WEBP":
        cost += headers.cost_of_tables(size, file)
    return _Plan(kind, size, lower, cost)


def _has_frames(opened: ImageFile.ImageFile, file: IO[bytes]) -> bool:
    """Whether an animation or a sequence has more pictures than the first."""
    if opened.format == "GIF":  # Pillow would step through all blocks of the first in Python
        file.seek(opened.tile[0].offset)
        found = islice(_GIF_FRAME.finditer(file.read()), headers.MAXIMUM_BLOCKS)
        boxes = (struct.unpack("<4H", match[1]) for match in found)
        width, height = opened.size
        return any(0 < w <= width - x and 0 < h <= height - y for x, y, w, h in boxes)
    return opened.format not in ("MPO", "TIFF") and getattr(opened, "is_animated", False)


def _read_pixels(opened: ImageFile.ImageFile, plan: _Plan, limits: Settings) -> bool:
    """Decode a picture; whether the end of its file is missing, with a small part of it."""
    try:
        opened.load()
        cut_short = False
    except OSError:
        cut_short = is_nearly_whole(opened, plan.kind, opened.size[1] / plan.size[1])
        if not cut_short:
            raise
    check_size(opened.size, limits, plan.kind)
    return cut_short


def _as_stored(
    opened: ImageFile.ImageFile, file: IO[bytes], plan: _Plan, scale: Scale
) -> tuple[Image.Image, Depth | None]:
    """The decoded picture with its values as the file means them, and what these are."""
    # A bare image, so that the buffers of the decoder are freed before the next copy.
    image = corrections.correct_values(opened._new(opened.im), opened)
    depth = depth_of(image, declared_range(opened), colours=bool(plan.lower))
    if plan.lower and scale.gain > 1:
        file.seek(0)
        with _identified(file) as low:
            corrections.correct_decoder(low)
            low.tile = plan.lower
            low.load()
            image = stretched(image, low, scale.gain)
    return image, depth


def _identified(file: IO[bytes]) -> ImageFile.ImageFile:
    """The picture in a file, not yet loaded."""
    try:
        return Image.open(file, formats=FORMATS)
    except Image.UnidentifiedImageError as error:
        if kind := foreign.kind(file):
            raise BadImage(
                f"Found a {kind} file that is damaged or of a kind that Tusker does not read. Save "
                "it as PNG of 8 bits."
            ) from error
        raise
