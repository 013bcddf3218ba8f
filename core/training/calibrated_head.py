"""Calibrate a trained head: fit a temperature on validation pictures and fold it into the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.evaluation import calibration
from core.model.dense import DenseHead


@dataclass(frozen=True)
class CalibratedHead:
    """A head with its temperature.

    Attributes:
        head: includes the temperature.
        temperature: None where validation pictures cannot determine it.
        validation: (m, k) float64, predictions of `head` for the validation pictures.
    """

    head: DenseHead
    temperature: float | None
    validation: np.ndarray


def calibrate(raw: DenseHead, uncalibrated: np.ndarray, labels: np.ndarray) -> CalibratedHead:
    """Fit the temperature of a head.

    Args:
        raw: the trained head.
        uncalibrated: (m, k), its probabilities for the validation pictures.
        labels: (m,) int64 of these.
    """
    probabilities = uncalibrated.astype(np.float64)
    temperature = calibration.fit_temperature(labels, probabilities)
    if temperature is None:
        return CalibratedHead(raw, None, probabilities)
    scaled = calibration.scale(probabilities, temperature)
    return CalibratedHead(raw.tempered(temperature), temperature, scaled)
