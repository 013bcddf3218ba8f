"""Decode untrusted pictures to upright RGB."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from core.images import colour, tags
from core.images.bit_depth import AS_DECLARED, Depth, Scale
from core.images.budget import BUDGET
from core.images.cropping import crop_and_resize
from core.images.formats import as_bad_image, read
from core.images.loading import load
from core.images.pixels import to_rgb
from core.settings import Settings

_TO_UPRIGHT = {  # by EXIF orientation
    1: lambda a: a,
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
        has_frames: whether the file has more pages or frames, which are not read.
        depth: its values as stored, if it has more than 8 bits.
    """

    pixels: np.ndarray
    format: str
    width: int
    height: int
    day: str
    device: str
    cut_short: bool
    has_frames: bool
    depth: Depth | None


class Squares(NamedTuple):
    """A decoded picture, cropped to squares.

    Attributes:
        views: (size, size, 3) uint8 RGB each.
        size: width and height of the whole picture, as stored.
        cut_short, has_frames: as in `DecodedImage`.
    """

    views: list[np.ndarray]
    size: tuple[int, int]
    cut_short: bool
    has_frames: bool


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
        for_screen: whether other formats may be reduced, too, by averaging pixels.

    Returns:
        (h, w, 3) uint8 RGB.

    Raises:
        BadImage: the file is not a picture, is damaged or exceeds a limit.
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
    with as_bad_image(), ExitStack() as held:
        held.enter_context(BUDGET.hold_file(source))
        content = read(source, limits)
        image, kind, (width, height), orientation, depth, cut, frames = load(
            content, shorter_edge, scale, limits, held
        )
        factor = min(image.size) // shorter_edge if for_screen and shorter_edge else 1
        pixels = to_rgb(image, kind, depth, scale, max(1, factor))
        day, device = tags.capture(image.info)
        del image  # rotating makes another copy
    if orientation >= 5:
        width, height = height, width
    upright = _upright(pixels, orientation)
    return DecodedImage(upright, kind, width, height, day, device, cut, frames, depth)


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
    return decode_squares(source, [(size, crop)], scale, limits=limits).views[0]


def decode_squares(
    source: bytes | Path,
    squares: list[tuple[int, float]],
    scale: Scale = AS_DECLARED,
    *,
    limits: Settings,
) -> Squares:
    """Decode a picture once and fit it as `decode_and_crop` does, with several sizes and crops."""
    # The resize reads pixels outside its box, so the whole shorter edge must keep its detail.
    shorter_edge = max(int(np.ceil(size / crop)) for size, crop in squares)
    with as_bad_image(), ExitStack() as held:
        held.enter_context(BUDGET.hold_file(source))
        content = read(source, limits)
        image, kind, whole, orientation, depth, cut, frames = load(
            content, shorter_edge, scale, limits, held
        )
        # True of most pictures: colours are converted last, without an array of the whole picture.
        plain = image.mode == "RGB" and "transparency" not in image.info
        transform = colour.transform_of(image) if plain else None
        if plain:
            image.info.pop("icc_profile", None)
        if plain and orientation == 1:
            pixels: np.ndarray | Image.Image = image
        else:
            pixels = _upright(to_rgb(image, kind, depth, scale), orientation)
        views = [crop_and_resize(pixels, *square) for square in squares]
        del image, pixels  # before their part of the budget is free
    if transform is not None:
        views = [np.asarray(transform.apply(Image.fromarray(view))) for view in views]
    return Squares(views, whole, cut, frames)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    return np.ascontiguousarray(_TO_UPRIGHT[orientation](pixels))
