"""A picture that was shown: small enough to keep in memory, and seen once by the network."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core import images
from core.model.classifier import Classifier

EDGE = 640
"""Longest that a shorter edge is kept, in pixels: no network sees more."""
QUALITY = 92
HEAVIEST = 1_000_000
"""Bytes from which on a JPEG of that size carries more than its picture: previews, say."""
THUMBNAIL = 96
GLANCE = 32
ALIKE = 4.0
"""Grey levels, root mean square of a glance, up to which two pictures are nearly the same. The
noise of a camera makes 0.5 to 0.7 in a still scene; on four photographs, a shift by a hundredth of
the width makes 8 to 16."""


@dataclass(frozen=True)
class Frame:
    """One picture.

    Attributes:
        id: rises in the order of showing.
        burst: pictures that were taken in one go have the same.
        content: a JPEG.
        thumbnail: a small one.
        glance: (32, 32) float32, the whole picture in grey, of mean 0.
        embedding: (d,) float32.
    """

    id: int
    burst: int
    content: bytes
    thumbnail: bytes
    glance: np.ndarray
    embedding: np.ndarray

    @property
    def bytes(self) -> int:
        """What it takes of the memory."""
        arrays = self.glance.nbytes + self.embedding.nbytes
        return len(self.content) + len(self.thumbnail) + arrays

    def is_like(self, others: Sequence[Frame]) -> bool:
        """Whether it is nearly the same as one of them."""
        if not others:
            return False
        off = np.stack([other.glance for other in others]) - self.glance
        return bool(np.sqrt((off**2).mean(axis=(1, 2))).min() <= ALIKE)


def take(content: bytes, network: Classifier, *, id: int, burst: int) -> Frame:  # noqa: A002  # as in Shown
    """Look at a picture file.

    Args:
        content: any picture; larger or heavier ones and other formats are kept as JPEG of a
            shorter edge of at most 640 pixels.
        network: what makes the embedding; it sees the picture as a training will.

    Raises:
        BadImage: it cannot be read.
    """
    looked = images.decode_with_info(content, shorter_edge=EDGE)
    large = min(looked.width, looked.height) > EDGE or len(content) > HEAVIEST
    if looked.format != "JPEG" or large:
        content = _smaller(looked.pixels)
    small = (
        Image.fromarray(looked.pixels).convert("L").resize((GLANCE, GLANCE), Image.Resampling.BOX)
    )
    glance = np.asarray(small, np.float32)
    return Frame(
        id,
        burst,
        content,
        images.thumbnail(looked.pixels, THUMBNAIL),
        glance - glance.mean(),
        network.answer(network.load(content)).embedding,
    )


def _smaller(pixels: np.ndarray) -> bytes:
    picture = Image.fromarray(pixels)
    share = min(1.0, EDGE / min(picture.size))
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    buffer = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
