"""Calibrate a trained head: fit a temperature to held-out pictures and fold it into the head."""

import math
from dataclasses import dataclass

import numpy as np

from core.evaluation import calibration
from core.model.dense import DenseHead

PRIOR_ERRORS = 20
"""Number of errors that count as much as the prior, which is a temperature of 1."""


@dataclass(frozen=True)
class CalibratedHead:
    """A head with its temperature.

    Attributes:
        head: includes the temperature.
        temperature: None where held-out pictures cannot determine it.
        validation: (m, k) float64, calibrated predictions for the validation pictures by a head
            that did not learn from them.
    """

    head: DenseHead
    temperature: float | None
    validation: np.ndarray


def calibrate(raw: DenseHead, uncalibrated: np.ndarray, labels: np.ndarray) -> CalibratedHead:
    """Fit the temperature of a head to its predictions for the validation pictures.

    Args:
        raw: the trained head.
        uncalibrated: (m, k), its probabilities for the validation pictures.
        labels: (m,) int64 of these.
    """
    probabilities = uncalibrated.astype(np.float64)
    return _scaled(raw, calibration.fit_temperature(labels, probabilities), probabilities)


def calibrate_out_of_fold(
    raw: DenseHead, out_of_fold: np.ndarray, labels: np.ndarray, validation: np.ndarray
) -> CalibratedHead:
    """Fit the temperature of a head to out-of-fold predictions of heads like it.

    Few errors say little about a temperature, so its logarithm is shrunk by n / (n + 20), where n
    is the number of errors.

    Args:
        raw: the trained head.
        out_of_fold: (n, k), uncalibrated probabilities.
        labels: (n,) int64 of these.
        validation: (m, k), uncalibrated predictions for the validation pictures by a head that did
            not learn from them.
    """
    probabilities = out_of_fold.astype(np.float64)
    temperature = calibration.fit_temperature(labels, probabilities)
    if temperature is not None:
        errors = int((probabilities.argmax(axis=1) != labels).sum())
        temperature = math.exp(math.log(temperature) * errors / (errors + PRIOR_ERRORS))
    return _scaled(raw, temperature, validation.astype(np.float64))


def _scaled(raw: DenseHead, temperature: float | None, validation: np.ndarray) -> CalibratedHead:
    if temperature is None:
        return CalibratedHead(raw, None, validation)
    scaled = calibration.scale(validation, temperature)
    return CalibratedHead(raw.tempered(temperature), temperature, scaled)
