"""Features that a head can learn from: a cloud of points for each class."""

import numpy as np

from core.training.head import Batch


def clusters(
    n: int, classes: int = 3, d: int = 12, spread: float = 1.0, seed: int = 0, views: int = 1
) -> Batch:
    """`n` pictures, their classes in turn; the views of a picture are close together.

    Args:
        spread: of the pictures about the centre of their class.
        seed: of the pictures; the centres are always the same.
    """
    centres = np.random.default_rng(99).normal(size=(classes, d))
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    pictures = centres[labels] + spread * random.normal(size=(n, d))
    owners = np.repeat(np.arange(n), views)
    features = pictures[owners] + 0.1 * random.normal(size=(len(owners), d))
    return Batch(features.astype(np.float32), labels[owners], owners)
