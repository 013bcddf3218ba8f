"""Predict a frame of a live view on the server."""

from dataclasses import dataclass

import numpy as np

from core import images
from core.errors import BadImage
from core.model.classifier import Classifier


@dataclass(frozen=True)
class FramePrediction:
    """A model's prediction of one frame.

    Attributes:
        probabilities: (k,) float32.
        ood_score: over 1 if the frame is not like the training pictures; None if not known.
        heat: (h, w) float32, evidence for the class to explain; None without one, or if the model
            has no heat maps.
    """

    probabilities: np.ndarray
    ood_score: float | None
    heat: np.ndarray | None


def predict(classifier: Classifier, frame: bytes, explain: int | None = None) -> FramePrediction:
    """Predict a frame that the browser has cut and resized.

    Args:
        classifier: the model.
        frame: a picture file of exactly the size that the model sees.
        explain: index of the class to draw a heat map for.

    Raises:
        BadImage: the frame cannot be read, or has another size.
    """
    prediction = classifier.answer(pixels(classifier, frame))
    heat = None
    if explain is not None and 0 <= explain < len(classifier.labels):
        try:
            heat = classifier.heatmaps(prediction, [explain])[0]
        except LookupError:
            heat = None
    return FramePrediction(prediction.probabilities, prediction.ood_score, heat)


def pixels(classifier: Classifier, frame: bytes) -> np.ndarray:
    """A frame as (size, size, 3) uint8, the size that the model sees. Raises as `predict`."""
    picture = images.decode(frame)
    size = classifier.size
    if picture.shape != (size, size, 3):
        height, width = picture.shape[:2]
        raise BadImage(
            f"Expected a frame of {size} by {size} pixels, found {width} by {height}. "
            "Reload the page."
        )
    return picture
