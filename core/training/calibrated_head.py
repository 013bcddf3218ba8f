"""Make a fitted head answer honestly: a temperature from validation pictures, folded into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.evaluation import calibration
from core.model.dense import DenseHead


@dataclass(frozen=True)
class CalibratedHead:
    """A head as it answers, and what it was before.

    Attributes:
        head: with the temperature in it.
        raw: without.
        temperature: None where validation pictures could not tell; then both heads are one.
        validation: (m, k) float64, answers of `head` on the validation pictures.
    """

    head: DenseHead
    raw: DenseHead
    temperature: float | None
    validation: np.ndarray


def calibrate(raw: DenseHead, uncalibrated: np.ndarray, labels: np.ndarray) -> CalibratedHead:
    """Fit the temperature.

    Args:
        raw: as it was trained.
        uncalibrated: (m, k), its probabilities on the validation pictures.
        labels: (m,) int64 of the same.
    """
    rows = uncalibrated.astype(np.float64)
    temperature = calibration.fit_temperature(labels, rows)
    if temperature is None:
        return CalibratedHead(raw, raw, None, rows)
    return CalibratedHead(
        raw.tempered(temperature), raw, temperature, calibration.scale(rows, temperature)
    )
