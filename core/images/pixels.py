"""Convert loaded pictures of any mode to RGB arrays, and measure their sharpness."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage

SIXTEEN_BITS = 65_535.0
OVERSHOOT = 1.01
"""How far interpolation may have carried a value past white."""
WHOLE = 0.95
"""Share of a picture that suffices if the end of its file is missing."""
JPEG_ROWS = 16
"""Rows that the decoder of JPEG holds back until it has seen what follows."""
_BITS, COLOUR_MAP, _BLACK, _WHITE = 258, 320, 340, 341  # tags of TIFF
STRIP_PIXELS = 1 << 20
"""Pixels converted at once, to avoid a second copy of the whole picture."""


def to_rgb(
    image: Image.Image, kind: str = "", declared: tuple[float, float] | None = None
) -> np.ndarray:
    """Pixels of a loaded picture, (h, w, 3) uint8.

    Args:
        image: as Pillow loaded it.
        kind: format of its file, Pillow's name.
        declared: values of black and white, if the file says so; of more than 8 bits only.

    Raises:
        BadImage: the mode cannot be converted.
    """
    width, height = image.size
    convert = _converter(image, kind, declared)
    pixels = np.empty((height, width, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // max(width, 1))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        pixels[top:bottom] = convert(image.crop((0, top, width, bottom)))
    return pixels


def is_nearly_whole(opened: Image.Image, kind: str, scale: float) -> bool:
    """Whether at least 95 % of the rows were decoded before the file ended; the others are zero.

    Args:
        scale: of the decoded picture.
    """
    if kind not in ("JPEG", "PNG") or opened.info.get("interlace"):
        return False
    box = opened._new(opened.im).getbbox(alpha_only=False)
    late = JPEG_ROWS * scale if kind == "JPEG" else 0
    return box is not None and box[3] >= WHOLE * opened.size[1] - late


def declared_range(opened: Image.Image) -> tuple[float, float] | None:
    """Values of black and white that a TIFF declares.

    Source: TIFF 6.0, BitsPerSample; SMinSampleValue and SMaxSampleValue.
    """
    if not isinstance(opened, TiffImageFile):
        return None
    tags = opened.tag_v2
    if _WHITE in tags:
        low, high = float(np.min(tags.get(_BLACK, 0))), float(np.max(tags[_WHITE]))
        if low < high < np.inf:
            return low, high
    return (0, 2.0 ** np.max(tags[_BITS]) - 1) if opened.mode.startswith("I;16") else None


def laplacian(levels: np.ndarray) -> float:
    """Standard deviation of the Laplacian, a measure of sharpness.

    Args:
        levels: (h, w) uint8 grey.

    Returns:
        In grey levels; 0 below 3 × 3 pixels.

    Source: J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    if min(levels.shape) < 3:
        return 0.0
    inner = levels.astype(np.int32)
    around = inner[:-2, 1:-1] + inner[2:, 1:-1] + inner[1:-1, :-2] + inner[1:-1, 2:]
    return float((around - 4 * inner[1:-1, 1:-1]).std())


def _converter(
    image: Image.Image, kind: str, declared: tuple[float, float] | None
) -> Callable[[Image.Image], np.ndarray]:
    """A function that converts strips of this picture to arrays that broadcast to (h, w, 3)."""
    if image.mode[0] in "IF":
        low, high = declared or _range(image, kind)
        return lambda strip: _scaled(np.asarray(strip), low, high)
    if kind == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        # The fourth byte is unused in most bitmaps; a picture is never wholly invisible.
        return lambda strip: np.asarray(strip.convert("RGB"))
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _on_white
    if image.mode == "LAB":
        raise BadImage("Pictures in Lab colours cannot be read. Save the picture as RGB.")
    return lambda strip: np.asarray(strip.convert("RGB"))


def _range(image: Image.Image, kind: str) -> tuple[float, float]:
    """Values of black and white in a picture of more than 8 bits.

    PNG and PPM define them. TIFF does not for 32 bits: white is the smallest usual value that no
    pixel exceeds, or else the brightest pixel.
    """
    if image.mode.startswith("I;16"):
        return 0, SIXTEEN_BITS
    low, high = np.asarray(image.getextrema(), np.float64).tolist()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadImage("Some pixels are not finite numbers. Save the picture as 8-bit PNG.")
    candidates = [255.0, SIXTEEN_BITS] if image.mode == "I" else [1.0, 255.0, SIXTEEN_BITS]
    if kind in ("PPM", "PNG"):
        candidates = [SIXTEEN_BITS] if image.mode == "I" else [1.0]
    for white in candidates:
        if low >= 0 and high <= OVERSHOOT * white:
            return 0, white
    return low, high


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Scale (h, w) numbers from `low` to `high` to (h, w, 1) uint8."""
    grey = (values.astype(np.float32) - low) * (255 / (high - low or 1))
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None]


def _on_white(strip: Image.Image) -> np.ndarray:
    """Blend transparent pixels with white."""
    rgba = np.asarray(strip.convert("RGBA")).astype(np.uint16)
    opacity = rgba[..., 3:]
    return ((rgba[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
