"""Calibrate a trained head: fit a temperature to held-out pictures and fold it into the head."""

from dataclasses import dataclass

import numpy as np

from core.evaluation import calibration
from core.model.dense import DenseHead
from core.training.cross_validation import CrossValidated

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


def calibrate(
    raw: DenseHead,
    validation: np.ndarray,
    labels: np.ndarray,
    out_of_fold: CrossValidated | None = None,
) -> CalibratedHead:
    """Fit the temperature of a head to predictions for pictures that were not learned from.

    Few errors of a cross-validation say little about a temperature, so its logarithm is shrunk by
    n / (n + 20), where n is the number of errors.

    Args:
        raw: the trained head.
        validation: (m, k), uncalibrated predictions for the validation pictures by a head that did
            not learn from them.
        labels: (m,) int64 of these.
        out_of_fold: predictions of heads like it, to fit to instead.
    """
    validation = validation.astype(np.float64)
    if out_of_fold is None:
        temperature = calibration.fit_temperature(labels, validation)
    else:
        held_out, labels = out_of_fold.probabilities.astype(np.float64), out_of_fold.labels
        temperature = calibration.fit_temperature(labels, held_out)
        errors = int((held_out.argmax(axis=1) != labels).sum())
        if temperature is not None:
            temperature **= errors / (errors + PRIOR_ERRORS)
    if temperature is None:
        return CalibratedHead(raw, None, validation)
    scaled = calibration.apply_temperature(validation, temperature)
    return CalibratedHead(raw.with_temperature(temperature), temperature, scaled)
