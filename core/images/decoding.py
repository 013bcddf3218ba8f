"""Decode untrusted pictures to upright RGB.

Nothing else decodes files from outside.
"""

import io
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage
from core.images import colour, foreign, headers, tags
from core.images.budget import BUDGET
from core.images.cropping import crop_and_resize, cropped
from core.images.depth import (
    AS_DECLARED,
    Depth,
    Scale,
    black_is_low,
    declared_range,
    depth_of,
    lower_bytes,
    stretched,
)
from core.images.formats import FORMATS, open_file, refusals
from core.images.headers import SHARES, area, check_size
from core.images.pixels import COLOUR_MAP, is_nearly_whole, to_rgb
from core.settings import Settings

# A JPEG of several scans, such as a progressive one, needs memory for all its coefficients, about
# four times that of its pixels.
SCANNED_PIXELS = 18_000_000
# Any other JPEG is decoded row by row, so one of four times the limit is decoded at half its size.
REDUCED_AREA = 4

_TILE_SIZE = 322, 323  # tags of TIFF
_UPRIGHT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture, its format and its size.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, upright; may be smaller than the picture, see `decode`.
        format: Pillow's name, such as `JPEG`.
        width, height: of the whole picture, upright, in pixels.
        day, device: when and with what it was taken, as by `tags.capture`.
        cut_short: whether the end of the file is missing, with up to 5 % of the picture.
        depth: its values as stored, if it has more than 8 bits.
    """

    pixels: np.ndarray
    format: str
    width: int
    height: int
    day: str
    device: str
    cut_short: bool
    depth: Depth | None


class _Loaded(NamedTuple):
    """A picture as stored; `size` is its full size."""

    image: Image.Image
    kind: str
    size: tuple[int, int]
    turn: int
    depth: Depth | None
    cut_short: bool


def decode(
    source: bytes | Path,
    *,
    limits: Settings,
    shorter_edge: int | None = None,
    scale: Scale = AS_DECLARED,
    for_screen: bool = False,
) -> np.ndarray:
    """Decode a picture; the format is detected by content.

    EXIF orientation is applied; all colours are converted to sRGB, more than 8 bits are
    scaled to 8, transparency is blended with white, and animations give their first frame. A JPEG
    beyond the pixel limit, or one of several scans and over 18 million pixels, is decoded at half
    its size, to stay within 200 MB.

    Args:
        shorter_edge: minimum length of the shorter edge in pixels; if given, a JPEG may be decoded
            at 1/2, 1/4 or 1/8 of its size.
        for_screen: whether any other format may be reduced likewise, by the mean of its pixels.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        BadImage: the file is no picture, damaged or beyond the limits.
        NotEnoughResources: this process decodes too many other pictures.
    """
    return decode_with_info(
        source, limits=limits, shorter_edge=shorter_edge, scale=scale, for_screen=for_screen
    ).pixels


def decode_with_info(
    source: bytes | Path,
    *,
    limits: Settings,
    shorter_edge: int | None = None,
    scale: Scale = AS_DECLARED,
    for_screen: bool = False,
) -> DecodedImage:
    """Decode a picture with its format and size; arguments and errors as in `decode`."""
    with refusals(), open_file(source, limits) as file, ExitStack() as held:
        image, kind, (width, height), turn, deep, cut = _load_checked(
            file, shorter_edge, scale, limits, held
        )
        factor = min(image.size) // shorter_edge if for_screen and shorter_edge else 1
        pixels = to_rgb(image, kind, deep, scale, max(1, factor))
        day, device = tags.capture(image.info)
        del image  # rotating makes another copy
    if turn >= 5:
        width, height = height, width
    return DecodedImage(_turned(pixels, turn), kind, width, height, day, device, cut, deep)


def decode_and_crop(
    source: bytes | Path,
    size: int,
    crop: float = 1.0,
    scale: Scale = AS_DECLARED,
    *,
    limits: Settings,
) -> np.ndarray:
    """Decode and fit a picture, for training, evaluation and prediction alike.

    Args:
        size, crop: as in `crop_and_resize`.

    Returns:
        (size, size, 3) uint8 RGB.

    Raises:
        BadImage: as in `decode`.
    """
    return decode_squares(source, [(size, crop)], scale, limits=limits)[0]


def decode_squares(
    source: bytes | Path,
    squares: list[tuple[int, float]],
    scale: Scale = AS_DECLARED,
    *,
    limits: Settings,
) -> list[np.ndarray]:
    """Decode a picture once and fit it as `decode_and_crop` does, with several sizes and crops."""
    # The resize reads pixels outside its box, so the whole shorter edge must keep its detail.
    shorter_edge = max(int(np.ceil(size / crop)) for size, crop in squares)
    with refusals(), open_file(source, limits) as file, ExitStack() as held:
        image, kind, _, turn, deep, _ = _load_checked(file, shorter_edge, scale, limits, held)
        # Most pictures: colours are converted last, and no array of the whole is needed.
        plain = image.mode == "RGB" and "transparency" not in image.info
        transform = colour.transform_of(image) if plain else None
        if plain:
            image.info.pop("icc_profile", None)
        if plain and turn == 1:
            views = [cropped(image, *square) for square in squares]
        else:
            pixels = _turned(to_rgb(image, kind, deep, scale), turn)
            views = [crop_and_resize(pixels, *square) for square in squares]
            del pixels
        del image  # before its part of the budget is free
    if transform is None:
        return views
    return [np.asarray(transform.apply(Image.fromarray(view))) for view in views]


def _load_checked(
    file: IO[bytes], shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> _Loaded:
    """First picture of a file as stored, with its full size and EXIF orientation.

    Args:
        held: keeps the picture's part of the budget as long as its pixels are used.
    """
    headers.check(file, limits)
    loaded = _load(file, shorter_edge, scale, limits, held)
    if not (loaded.cut_short and loaded.kind == "JPEG"):
        return loaded
    del loaded
    held.close()  # the next attempt takes its part of the budget again
    file.seek(0)
    # With an end marker, the decoder also gives its last rows.
    ended = io.BytesIO(file.read() + b"\xff\xd9")
    return _load(ended, shorter_edge, scale, limits, held)._replace(cut_short=True)


def _load(
    file: IO[bytes], shorter_edge: int | None, scale: Scale, limits: Settings, held: ExitStack
) -> _Loaded:
    """Load a picture whose headers have been checked; arguments as above."""
    file.seek(0)
    with _identified(file) as opened:
        kind = "JPEG" if opened.format == "MPO" else opened.format or ""
        size = opened.size
        by_rows = kind == "JPEG" and headers.is_decoded_by_rows(file)
        check_size(size, limits, kind, times=REDUCED_AREA if by_rows else 1)
        headers.check_decoder(opened, file)
        whole = kind == "JPEG" and not by_rows  # all of it is kept in memory
        if area(size) > (SCANNED_PIXELS if whole else limits.picture_pixels):
            shorter_edge = min(shorter_edge or min(size), min(size) // 2)
        if kind == "JPEG" and shorter_edge:
            opened.draft(None, (shorter_edge, shorter_edge))
        for tile in opened.tile:
            left, top, right, bottom = tile[1] or (0, 0, 0, 0)
            check_size((right - left, bottom - top), limits)
        stored = size if whole else opened.size
        if isinstance(opened, TiffImageFile):
            # The decoder allocates a whole tile, which may be larger than the picture.
            stored = max(stored, tuple(opened.tag_v2.get(tag, 1) for tag in _TILE_SIZE), key=area)
            check_size(stored, limits)
        lower = lower_bytes(opened)
        share = SHARES.get(kind, 1) / (2 if lower and scale.gain > 1 else 1)
        held.enter_context(BUDGET.hold(area(stored) / share))
        cut = False
        try:
            opened.load()
        except OSError:
            cut = is_nearly_whole(opened, kind, opened.size[1] / size[1])
            if not cut:
                raise
        check_size(opened.size, limits, kind)
        colours = opened.tag_v2.get(COLOUR_MAP, ()) if isinstance(opened, TiffImageFile) else ()
        if opened.mode == "P" and colours and max(colours) < 256:
            # Some programs write the colour map in 8 bits; libtiff takes it so too.
            opened.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())
        # Pillow has already rotated TIFF.
        turn = 1 if kind == "TIFF" else tags.orientation(opened.info)
        # A bare image, so that the buffers of the decoder are freed before the next copy.
        bare = black_is_low(opened._new(opened.im), opened)
        deep = depth_of(bare, declared_range(opened), colours=bool(lower))
        if lower and scale.gain > 1:
            file.seek(0)
            with _identified(file) as low:
                low.tile = lower
                low.load()
                bare = stretched(bare, low, scale.gain)
        return _Loaded(bare, kind, size, turn, deep, cut)


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


def _turned(pixels: np.ndarray, turn: int) -> np.ndarray:
    return np.ascontiguousarray(_UPRIGHT[turn](pixels)) if turn in _UPRIGHT else pixels
