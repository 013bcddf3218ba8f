"""Take a classifier apart into what a browser needs to answer as it does."""

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

NAMES = ("labels", "head", "trunk")
OUTPUTS = ("embedding", "feature_map")


@dataclass(frozen=True)
class Part:
    """A piece of a model, squeezed, under the name by which a browser may keep it.

    Attributes:
        sha256: of the content, in hex.
        content: what `packing.squeeze` made.
    """

    sha256: str
    content: bytes

    @classmethod
    def of(cls, content: bytes) -> Part:
        """Squeeze it."""
        squeezed = squeeze(content)
        return cls(hashlib.sha256(squeezed).hexdigest(), squeezed)


def labels(classifier: Classifier) -> Part:
    """The names of the classes, as a JSON list."""
    return Part.of(json.dumps(classifier.labels).encode())


def trunk(file: Path) -> Part:
    """The network without its head: a LiteRT file with the outputs embedding and feature_map.

    Weights are rounded as `packing.shorten` says; trained models of one frozen backbone share it.
    """
    network = LitertFile(file)
    network.keep(*OUTPUTS)
    network.change_constants(round_fraction)
    return Part.of(network.content())


def head(classifier: Classifier) -> Part:
    """What makes an answer of an embedding, as safetensors.

    Names are those of `DenseHead.arrays`, of `Novelty.arrays` after `novelty.`, and `expected`:
    the probabilities of `proof`, by which the browser sees that it answers as this machine does.

    Raises:
        LookupError: something else than dense layers lies above the embedding.
    """
    arrays = classifier.head.arrays()
    if classifier.ood_detector is not None:
        arrays |= {f"novelty.{name}": a for name, a in classifier.ood_detector.arrays().items()}
    short = {name: round_fraction(array) for name, array in arrays.items()}
    answer = classifier.answer(proof(classifier.size))
    expected = np.ascontiguousarray(answer.probabilities, np.float32)
    return Part.of(save({**short, "expected": expected}))


def pack(classifier: Classifier, packed_trunk: Part) -> dict[str, Part]:
    """All parts by name; only the labels where the head cannot be taken along."""
    named = {"labels": labels(classifier)}
    try:
        return {**named, "head": head(classifier), "trunk": packed_trunk}
    except LookupError:
        return named


def proof(size: int) -> np.ndarray:
    """A picture that Python and JavaScript make by the same rule: (size, size, 3) uint8."""
    y, x = np.mgrid[0:size, 0:size]
    channels = (x * 255 // (size - 1), y * 255 // (size - 1), (3 * x) ^ (5 * y))
    return (np.stack(channels, axis=-1) & 255).astype(np.uint8)
