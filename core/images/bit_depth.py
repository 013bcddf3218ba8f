"""The values of pictures of more than 8 bits, and how they are scaled to 8."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile
from pydantic import BaseModel, Field, FiniteFloat, model_validator

from core.errors import BadImage

SIXTEEN_BITS = 65_535.0
OVERSHOOT = 1.01
"""Factor by which values may exceed white after interpolation."""
_BITS, _PLANES, _BLACK, _WHITE = 258, 284, 340, 341  # tags of TIFF
_SEPARATE = 2
BRIGHTEST = 99.9
"""Percentile of the values of a picture that counts as its brightest, without stray pixels."""
SAMPLED = 512
"""Pixels per edge from which the percentile is taken."""
_SWAPPED = {"RGB;16L": "RGB;16B", "RGB;16B": "RGB;16L", "RGB;16N": "RGB;16B"}
Range = tuple[float, float]
"""Values of black and white."""


class Scale(BaseModel, frozen=True, extra="forbid"):
    """How pictures of more than 8 bits are scaled to 8: one rule for a whole dataset.

    Attributes:
        undeclared: black and white of files that do not declare them; None to go by each picture.
        gain: factor by which the values of all such pictures are multiplied.
    """

    undeclared: tuple[FiniteFloat, FiniteFloat] | None = None
    gain: float = Field(1.0, ge=1, le=65_536)

    @model_validator(mode="after")
    def _black_below_white(self) -> Scale:
        if self.undeclared and not self.undeclared[0] < self.undeclared[1]:
            raise ValueError("black must be below white")
        return self


AS_DECLARED = Scale()
"""The scale of single pictures, and of datasets of 8 bits."""


class Depth(NamedTuple):
    """The values of a picture of more than 8 bits.

    Attributes:
        low, high: the smallest and the largest.
        brightest: a value that 0.1 % of the pixels exceed.
        whole: whether they are whole numbers.
        declared: as by `declared_range`.
    """

    low: float
    high: float
    brightest: float
    whole: bool
    declared: Range | None


def depth_of(image: Image.Image, declared: Range | None, *, colours: bool = False) -> Depth | None:
    """The values of a loaded picture; None if it has 8 bits.

    Args:
        colours: whether it holds the high bytes of 16-bit colours.

    Raises:
        BadImage: some are not finite.
    """
    if image.mode[0] not in "IF" and not colours:
        return None
    if image.mode == "F" and not np.isfinite(np.asarray(image)).all():
        raise BadImage("Some pixels are not finite numbers. Save the picture as 8-bit PNG.")
    extrema = np.asarray(image.getextrema(), np.float64)
    step = max(1, min(image.size) // SAMPLED)
    brightest = float(np.percentile(np.asarray(image)[::step, ::step], BRIGHTEST))
    if colours:  # with the largest low byte, so that no picture becomes too bright
        extrema, brightest, declared = 256 * extrema, 256 * brightest + 255, (0, SIXTEEN_BITS)
    low, high = extrema.min(), extrema.max()
    return Depth(low, high, brightest, image.mode != "F", declared)


def lower_bytes(opened: Image.Image) -> list[Any]:
    """Tiles that make Pillow decode the low bytes of a TIFF in 16-bit colours; else none.

    Pillow keeps the high bytes only, so the byte order is swapped. In separate planes, that fails.
    """
    if not isinstance(opened, TiffImageFile) or opened.tag_v2.get(_PLANES) == _SEPARATE:
        return []
    tiles: list[Any] = list(opened.tile)
    if not all(tile.args[0] in _SWAPPED for tile in tiles):
        return []
    return [tile._replace(args=(_SWAPPED[tile.args[0]], *tile.args[1:])) for tile in tiles]


def stretched(high: Image.Image, low: Image.Image, gain: float) -> Image.Image:
    """16-bit colours times `gain`, as 8-bit colours.

    Args:
        high, low: pictures of their high and of their low bytes.
    """
    bands = zip(high.split(), low.split(), strict=True)
    levels = (_levels(*band, gain / 257) for band in bands)
    return high._new(Image.merge("RGB", [Image.fromarray(each) for each in levels]).im)


def _levels(more: Image.Image, less: Image.Image, factor: float) -> np.ndarray:
    """Values of 16 bits times a factor as uint8, with a single copy of them all in float32."""
    values = np.asarray(more, np.float32)
    values *= 256
    values += np.asarray(less)
    values *= factor
    np.rint(values, out=values)
    return np.minimum(values, 255, out=values).astype(np.uint8)


def usual_range(low: float, high: float, *, whole: bool) -> Range:
    """Black and white of values whose range no file declares.

    White is the smallest usual one that they do not exceed, or else the brightest.
    """
    for white in (255.0, SIXTEEN_BITS) if whole else (1.0, 255.0, SIXTEEN_BITS):
        if low >= 0 and high <= OVERSHOOT * white:
            return 0, white
    return low, high if high > low else low + 1


def declared_range(opened: Image.Image) -> Range | None:
    """Values of black and white that a file of more than 8 bits declares, as Pillow loads them.

    Source: TIFF 6.0, BitsPerSample; SMinSampleValue and SMaxSampleValue.
    """
    if not isinstance(opened, TiffImageFile):
        return None if opened.mode == "F" else (0, SIXTEEN_BITS)
    tags = opened.tag_v2
    if _WHITE in tags:
        low, high = float(np.min(tags.get(_BLACK, 0))), float(np.max(tags[_WHITE]))
        if low < high < np.inf:
            return low, high
    return (0, 2.0 ** np.max(tags[_BITS]) - 1) if opened.mode.startswith("I;16") else None
