"""Convert loaded pictures of any mode to RGB arrays, and measure their sharpness."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from core.errors import BadImage
from core.images import colour
from core.images.bit_depth import AS_DECLARED, Depth, Scale, usual_range

WHOLE = 0.95
"""Share of a picture that suffices if the end of its file is missing."""
JPEG_ROWS = 16
"""Rows that the decoder of JPEG holds back until it has seen what follows."""
BLACK = 20
"""Grey level below which a picture is nearly black, such as 12-bit values in a 16-bit file."""
STRIP_PIXELS = 1 << 20
"""Pixels converted at once, to avoid a second copy of the whole picture."""


def to_rgb(
    image: Image.Image,
    kind: str = "",
    depth: Depth | None = None,
    scale: Scale = AS_DECLARED,
    factor: int = 1,
) -> np.ndarray:
    """Pixels of a loaded picture, (h, w, 3) uint8.

    Args:
        depth: its values if it has more than 8 bits.
        factor: of reduction; each pixel is the mean of `factor` × `factor`.

    Raises:
        BadImage: the mode cannot be converted.
    """
    width, height = image.size
    convert = _converter(image, kind, depth, scale)
    pixels = np.empty((-(-height // factor), -(-width // factor), 3), np.uint8)
    rows = max(1, STRIP_PIXELS // max(width, 1) // factor)
    for top in range(0, len(pixels), rows):
        bottom = min((top + rows) * factor, height)
        strip = convert(image.crop((0, top * factor, width, bottom)))
        if factor > 1:
            whole = np.broadcast_to(strip, (*strip.shape[:2], 3))
            strip = np.asarray(Image.fromarray(np.ascontiguousarray(whole)).reduce(factor))
        pixels[top : top + rows] = strip
    return pixels


def is_nearly_complete(opened: Image.Image, kind: str, scale: float) -> bool:
    """Whether at least 95 % of the rows were decoded before the file ended; the others are zero.

    Args:
        scale: of the decoded picture.
    """
    if kind not in ("JPEG", "PNG") or opened.info.get("interlace"):
        return False
    box = opened._new(opened.im).getbbox(alpha_only=False)
    late = JPEG_ROWS * scale if kind == "JPEG" else 0
    return box is not None and box[3] >= WHOLE * opened.size[1] - late


def nearly_black(pixels: np.ndarray) -> bool:
    """Whether 99 % of the values, uint8, are below `BLACK`."""
    return bool(np.count_nonzero(pixels >= BLACK) < 0.01 * pixels.size)


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
    image: Image.Image, kind: str, depth: Depth | None, scale: Scale
) -> Callable[[Image.Image], np.ndarray]:
    """A function that converts strips of this picture to arrays that broadcast to (h, w, 3)."""
    if depth is not None and image.mode[0] in "IF":  # others have been stretched
        known = depth.declared or scale.undeclared
        black, white = known or usual_range(*depth[:2], whole=depth.whole)
        transparent = image.info.get("transparency")
        span = (white - black) / scale.gain
        return lambda strip: _scaled(np.asarray(strip), black, span, transparent)
    if kind == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0):
        # The fourth byte is unused in most bitmaps; a picture is never wholly invisible.
        return lambda strip: np.asarray(strip.convert("RGB"))
    if image.mode == "LAB":
        raise BadImage("Pictures in Lab colours cannot be read. Save the picture as RGB.")
    transform = colour.transform_of(image)
    if image.has_transparency_data:
        return lambda strip: _on_white(colour.to_srgb(strip, transform))
    return lambda strip: np.asarray(colour.to_srgb(strip, transform))


def _scaled(values: np.ndarray, black: float, span: float, transparent: int | None) -> np.ndarray:
    """Scale (h, w) numbers from `black` to `black + span` to (h, w, 1) uint8.

    Args:
        transparent: a value whose pixels become white.
    """
    grey = (values.astype(np.float32) - black) * (255 / span)
    if transparent is not None:
        grey[values == transparent] = 255
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None]


def _on_white(strip: Image.Image) -> np.ndarray:
    """Blend transparent pixels of an RGBA picture with white."""
    rgba = np.asarray(strip).astype(np.uint16)
    opacity = rgba[..., 3:]
    return ((rgba[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
