"""What can be learned from: a cloud of points for each class, or activations that differ."""

import numpy as np

from core.backbones import get
from core.training.features import Features
from core.training.head import Batch

STEM, BLOCK1 = 0, 1
"""Cuts of the tiny backbone; only block 2 is above the latter."""


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
    return Batch(features.astype(np.float32), labels[owners])


def cuts(
    seed: int = 0, n: int = 24, stage: int = BLOCK1, views: int = 1
) -> tuple[Features, np.ndarray]:
    """Activations of the tiny backbone: classes differ in which third of the channels is bright."""
    edge, channels = {STEM: (16, 16), BLOCK1: (8, 24)}[stage]
    labels = np.arange(n) % 3
    maps = np.random.default_rng(seed).uniform(0, 1, (views, n, edge, edge, channels))
    third = channels // 3
    for index, label in enumerate(labels):
        maps[:, index, ..., label * third : (label + 1) * third] *= 2
    indices = np.tile(np.arange(n)[:, None], (1, views))
    embeddings = np.zeros((n, views, get("tiny").embedding), np.float32)  # of no use in phase 2
    return Features(embeddings, 0, 0, tuple(maps.astype(np.float16)), indices), labels
