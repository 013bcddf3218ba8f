"""Captured pictures, small enough to keep in memory, with their embeddings."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from core import images
from core.model.classifier import Classifier

EDGE = 640
"""Largest shorter edge, in pixels; no network takes larger pictures."""
QUALITY = 92
MOST_BYTES = 1_000_000
"""A JPEG of more bytes is written again: at this size, it contains previews or the like."""
THUMBNAIL = 96
GREY = 32
NEAR_DUPLICATE = 4.0
"""Root mean square difference, in grey levels, up to which two pictures are nearly the same. The
noise of a camera makes 0.5 to 0.7 in a still scene; on four photographs, a shift by a hundredth of
the width makes 8 to 16."""


@dataclass(frozen=True)
class Frame:
    """One captured picture.

    Attributes:
        id: increases in the order of capture.
        burst: number that pictures captured in one go share.
        content: a JPEG.
        thumbnail: a small JPEG.
        grey: (32, 32) float32, the whole picture in grey, of mean 0.
        embedding: (d,) float32.
    """

    id: int
    burst: int
    content: bytes
    thumbnail: bytes
    grey: np.ndarray
    embedding: np.ndarray

    @property
    def bytes(self) -> int:
        """Memory that the picture takes."""
        arrays = self.grey.nbytes + self.embedding.nbytes
        return len(self.content) + len(self.thumbnail) + arrays

    def is_like(self, others: Sequence[Frame]) -> bool:
        """Whether the picture is nearly the same as one of the others."""
        if not others:
            return False
        differences = np.stack([frame.grey for frame in others]) - self.grey
        return bool(np.sqrt((differences**2).mean(axis=(1, 2))).min() <= NEAR_DUPLICATE)


def make_frame(content: bytes, network: Classifier, *, id: int, burst: int) -> Frame:  # noqa: A002  # as in Frame
    """Decode a picture file and compute its embedding.

    Args:
        content: any picture; large ones and other formats are kept as a JPEG with a shorter edge
            of at most 640 pixels.
        network: computes the embedding, from the same crop as in a training.

    Raises:
        BadImage: the file cannot be read.
    """
    decoded = images.decode_with_info(content, limits=network.limits, shorter_edge=EDGE)
    large = min(decoded.width, decoded.height) > EDGE or len(content) > MOST_BYTES
    if decoded.format != "JPEG" or large:
        picture = Image.fromarray(decoded.pixels)
        if min(picture.size) > EDGE:
            picture = ImageOps.cover(picture, (EDGE, EDGE))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY)
        content = buffer.getvalue()
    small_grey = (
        Image.fromarray(decoded.pixels).convert("L").resize((GREY, GREY), Image.Resampling.BOX)
    )
    grey = np.asarray(small_grey, np.float32)
    return Frame(
        id,
        burst,
        content,
        images.thumbnail(decoded.pixels, THUMBNAIL),
        grey - grey.mean(),
        network.answer(network.load(content)).embedding,
    )
