"""Split a classifier into the parts that a browser needs to predict as the server does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from core.live.packing import round_fraction, squeeze
from core.model.classifier import Classifier
from core.model.litert_file import LitertFile

OUTPUTS = ("embedding", "feature_map")


@dataclass(frozen=True)
class Part:
    """A compressed part of a model. Browsers cache it under its hash.

    Attributes:
        sha256: of the content, in hex.
        content: as `packing.squeeze` returns it.
    """

    sha256: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> Part:
        """Compress a file."""
        squeezed = squeeze(content)
        return cls(hashlib.sha256(squeezed).hexdigest(), squeezed)


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

    Names are those of `DenseHead.arrays`, those of `OodDetector.arrays` after `ood.`, and
    `expected`: the probabilities of `reference_picture`, by which the browser checks its engine.

    Raises:
        LookupError: the head has other layers than dense ones.
    """
    arrays = classifier.head.arrays()
    if classifier.ood_detector is not None:
        arrays |= {f"ood.{name}": a for name, a in classifier.ood_detector.arrays().items()}
    rounded = {name: round_fraction(array) for name, array in arrays.items()}
    expected = classifier.answer(reference_picture(classifier.size)).probabilities
    return Part.of(save({**rounded, "expected": np.ascontiguousarray(expected, np.float32)}))


def pack(classifier: Classifier, trunk: Part) -> dict[str, Part]:
    """All parts by name; only the labels if the browser cannot run the head."""
    parts = {"labels": labels(classifier)}
    try:
        return {**parts, "head": head(classifier), "trunk": trunk}
    except LookupError:
        return parts


def reference_picture(size: int) -> np.ndarray:
    """A picture that Python and JavaScript draw by the same rule: (size, size, 3) uint8."""
    y, x = np.mgrid[0:size, 0:size]
    channels = (x * 255 // (size - 1), y * 255 // (size - 1), (3 * x) ^ (5 * y))
    return (np.stack(channels, axis=-1) & 255).astype(np.uint8)
