"""Crop and resize decoded pictures."""

import io

import numpy as np
from PIL import Image


def crop_and_resize(image: np.ndarray, size: int, crop: float = 1.0) -> np.ndarray:
    """Crop the central square and resize it in one step.

    Equivalent to resizing the shorter edge to `size / crop` and then cropping the central `size`
    pixels, which is how ImageNet models are evaluated.

    Args:
        image: (h, w, 3) uint8.
        size: edge of the result in pixels.
        crop: edge of the square relative to the shorter edge, over 0 and up to 1.

    Returns:
        (size, size, 3) uint8.
    """
    return cropped(Image.fromarray(image), size, crop)


def thumbnail(image: np.ndarray, edge: int = 160) -> bytes:
    """Make a thumbnail.

    Args:
        image: (h, w, 3) uint8 RGB.
        edge: maximum length of the longer edge in pixels.

    Returns:
        JPEG bytes without metadata.
    """
    small = Image.fromarray(image)
    small.thumbnail((edge, edge), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def cropped(image: Image.Image, size: int, crop: float) -> np.ndarray:
    """The central square of an RGB picture, (size, size, 3) uint8; arguments as above."""
    width, height = image.size
    edge = crop * min(height, width)
    left, top = (width - edge) / 2, (height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
