"""Crop and resize decoded pictures."""

import io

import numpy as np
from PIL import Image


def crop_and_resize(image: np.ndarray | Image.Image, size: int, crop: float = 1.0) -> np.ndarray:
    """Crop the central square and resize it in one step.

    Equivalent to resizing the shorter edge to `size / crop` and then cropping the central `size`
    pixels, which is how ImageNet models are evaluated.

    Args:
        image: RGB, of Pillow or (h, w, 3) uint8.
        size: edge of the result in pixels.
        crop: edge of the square relative to the shorter edge, over 0 and up to 1.

    Returns:
        (size, size, 3) uint8.
    """
    picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    edge = crop * min(picture.size)
    left, top = ((length - edge) / 2 for length in picture.size)
    box = (left, top, left + edge, top + edge)
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC, box=box))


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
