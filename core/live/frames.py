"""Predict a frame of a live view on the server."""

import numpy as np

from core import images
from core.errors import BadImage
from core.model.classifier import Answer, Classifier


def predict(
    classifier: Classifier, frame: bytes, explain: int | None = None
) -> tuple[Answer, np.ndarray | None]:
    """Predict a frame that the browser has cropped and resized.

    Args:
        frame: a picture file of exactly the size that the model sees.
        explain: index of the class to draw a heat map for.

    Returns:
        The answer, and evidence (h, w) float32 for the class to explain; None without one.

    Raises:
        BadImage: the frame cannot be read, or has another size.
    """
    answer = classifier.answer(pixels(classifier, frame))
    if explain is None or not 0 <= explain < len(classifier.labels):
        return answer, None
    return answer, classifier.heatmaps(answer, [explain])[0]


def pixels(classifier: Classifier, frame: bytes) -> np.ndarray:
    """A frame as (size, size, 3) uint8, the size that the model sees. Raises as `predict`."""
    picture = images.decode(frame, limits=classifier.limits)
    size = classifier.size
    if picture.shape != (size, size, 3):
        height, width = picture.shape[:2]
        raise BadImage(
            f"Expected a frame of {size} by {size} pixels, found {width} by {height}. "
            "Reload the page."
        )
    return picture
