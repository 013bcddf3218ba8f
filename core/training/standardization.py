"""Bring features to a common scale before a linear head is fitted to them."""

from __future__ import annotations

import numpy as np

CONSTANT = 1e-6
"""A feature that deviates less than this is taken not to change."""


def fit_scale(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and scale of each feature, to be taken off and divided by: (d,) float32 each.

    The scale is half-way, geometrically, between a feature's own standard deviation and that of
    all of them: the strong features of an embedding say more than the weak ones, and full
    standardisation forgets which they were. A feature that is dead in training can be alive in
    another picture: divided by next to nothing it would drown all others, so it keeps its scale.

    Args:
        features: (n, d) float32, of the training pictures alone.

    Source: Pareto scaling, van den Berg et al., BMC Genomics 7:142 (2006).
    """
    deviation = features.std(axis=0)
    usual = np.sqrt((deviation**2).mean())
    scale = np.where(deviation > CONSTANT, np.sqrt(deviation * usual), 1)
    return features.mean(axis=0), scale.astype(np.float32)


def apply_scale(features: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Features (n, d) float32 on that scale, in one new array and no second."""
    moved = features - mean
    moved /= scale
    return moved
