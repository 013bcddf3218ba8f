"""Measure the sharpness of a picture."""

from __future__ import annotations

import numpy as np


def laplacian(levels: np.ndarray) -> float:
    """Standard deviation of the Laplacian, a measure of sharpness.

    Args:
        levels: (h, w) uint8 grey.

    Returns:
        In grey levels; 0 below 3 × 3 pixels.

    Source: J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000.
    """
    if min(levels.shape) < 3:
        return 0.0
    inner = levels.astype(np.int32)
    around = inner[:-2, 1:-1] + inner[2:, 1:-1] + inner[1:-1, :-2] + inner[1:-1, 2:]
    return float((around - 4 * inner[1:-1, 1:-1]).std())
