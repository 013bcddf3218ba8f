"""Split a classifier into the parts with which a browser predicts as the server does.

Weights have 24 bits each, in byte planes, and are compressed with gzip.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from core.model.classifier import Classifier
from core.model.litert_file import LitertFile

OUTPUTS = ("embedding", "feature_map")
DROPPED_BITS = 8
"""Dropped bits of the 23 bits of a float32's fraction. With 8, probabilities move by up to 0.0002;
float16 would drop 13 and move them by up to 0.007."""
GZIP_LEVEL = 1
"""Exponents shrink at any level, fractions at none."""


@dataclass(frozen=True)
class Part:
    """A compressed part of a model, which browsers cache under its hash."""

    sha256: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> Part:
        """Compress a file."""
        compressed = compress(content)
        return cls(hashlib.sha256(compressed).hexdigest(), compressed)


def labels(classifier: Classifier) -> Part:
    """The names of the classes, as a JSON list."""
    return Part.of(json.dumps(classifier.labels).encode())


def trunk(file: Path) -> Part:
    """The network without its head: a LiteRT file with the outputs embedding and feature_map.

    All models on one frozen backbone have the same trunk.
    """
    network = LitertFile(file)
    network.keep(*OUTPUTS)
    network.change_constants(round_fraction)
    return Part.of(network.content())


def head(classifier: Classifier) -> Part:
    """The head and the OOD detector, as safetensors.

    It has the arrays of `DenseHead.arrays`, those of `OodDetector.arrays` with the prefix `ood.`,
    `expected`, the probabilities of `reference_picture`, with which the browser checks its engine,
    and `channels`, their number in the feature map.
    """
    arrays = classifier.dense_head.arrays()
    if classifier.ood_detector is not None:
        arrays |= {f"ood.{name}": a for name, a in classifier.ood_detector.arrays().items()}
    rounded = {name: round_fraction(array) for name, array in arrays.items()}
    answer = classifier.answer(reference_picture(classifier.size))
    expected = np.ascontiguousarray(answer.probabilities, np.float32)
    channels = np.array([answer.feature_map.shape[-1]], np.float32)
    return Part.of(save({**rounded, "expected": expected, "channels": channels}))


def reference_picture(size: int) -> np.ndarray:
    """A picture that Python and JavaScript draw by the same rule: (size, size, 3) uint8."""
    y, x = np.mgrid[0:size, 0:size]
    channels = (x * 255 // (size - 1), y * 255 // (size - 1), (3 * x) ^ (5 * y))
    return (np.stack(channels, axis=-1) & 255).astype(np.uint8)


def round_fraction(values: np.ndarray) -> np.ndarray:
    """Round finite float32 numbers to 16 bits of fraction: to nearest, ties to even.

    Returns:
        The same shape, float32, whose lowest byte is zero; off by at most 2⁻¹⁶ of each.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    odd = (bits >> np.uint32(DROPPED_BITS)) & np.uint32(1)
    raised = bits + np.uint32((1 << (DROPPED_BITS - 1)) - 1) + odd
    return (raised & ~np.uint32((1 << DROPPED_BITS) - 1)).view(np.float32)


def compress(content: bytes) -> bytes:
    """Compress a file that is mostly float32 numbers.

    The first bytes of all words come first, then all second bytes, and so on: gzip compresses
    exponents and zeros only where they are adjacent. The browser reverses this in `parts.js`.

    Returns:
        gzip; up to three zero bytes are added to the content to fill its last word.
    """
    padded = content + bytes(-len(content) % 4)
    planes = np.frombuffer(padded, np.uint8).reshape(-1, 4).T
    return gzip.compress(planes.tobytes(), GZIP_LEVEL, mtime=0)
