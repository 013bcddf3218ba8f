"""Answer a frame of a live view on this machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import images
from core.errors import BadImage
from core.model.classifier import Classifier, Verdict


@dataclass(frozen=True)
class FrameAnswer:
    """What a model says of one frame.

    Attributes:
        probabilities: (k,) float32.
        verdict: what to make of them.
        strangeness: over 1 where it is unlike what was taught; None if not known.
        heat: (h, w) float32, evidence for the class that was asked about; None if it was not, or
            cannot be had.
        seconds: that the model took.
    """

    probabilities: np.ndarray
    verdict: Verdict
    ood_score: float | None
    heat: np.ndarray | None
    seconds: float


def answer(classifier: Classifier, frame: bytes, explain: int | None = None) -> FrameAnswer:
    """Answer a frame that was cut and resized where it was taken.

    Args:
        frame: a picture file of exactly the size that the model sees.
        explain: index of the class to draw a heat map for.

    Raises:
        BadImage: it cannot be read, or is of another size.
    """
    prediction = classifier.answer(pixels(classifier, frame))
    heat = None
    if explain is not None and 0 <= explain < len(classifier.labels):
        try:
            heat = classifier.heatmaps(prediction, [explain])[0]
        except LookupError:
            heat = None
    return FrameAnswer(
        prediction.probabilities,
        classifier.verdict(prediction),
        prediction.ood_score,
        heat,
        prediction.seconds,
    )


def pixels(classifier: Classifier, frame: bytes) -> np.ndarray:
    """A frame as (size, size, 3) uint8, the size that the model sees. Raises as `see`."""
    found = images.decode(frame)
    size = classifier.size
    if found.shape != (size, size, 3):
        height, width = found.shape[:2]
        raise BadImage(
            f"Expected a frame of {size} by {size} pixels, found {width} by {height}. "
            "Reload the page."
        )
    return found
