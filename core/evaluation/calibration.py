"""Temperature scaling, reliability of probabilities, and thresholds for "not sure"."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.evaluation import intervals, metrics
from core.evaluation.curves import thin
from core.evaluation.intervals import Flags, Floats, Ints
from core.evaluation.report import Bin, CoveragePoint, Estimate, Reliability, Threshold

BINS = 10
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
TINY = 1e-30
COVERAGES = (1.0, 0.98, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
"""Shares of the validation pictures that thresholds are offered for."""


class Predictions(NamedTuple):
    """Predictions for n pictures, with their actual classes.

    Attributes:
        labels: class indices, (n,).
        probabilities: rows that sum to 1, (n, k) float64.
        groups: (n,), equal for pictures that look the same or were taken in one burst.
    """

    labels: Ints
    probabilities: Floats
    groups: Ints

    @property
    def predicted(self) -> Ints:
        """Predicted classes, (n,)."""
        return self.probabilities.argmax(axis=1)

    @property
    def correct(self) -> Flags:
        """Whether each prediction is correct, (n,)."""
        return self.predicted == self.labels

    @property
    def confidence(self) -> Floats:
        """Probability of each predicted class, (n,)."""
        return self.probabilities.max(axis=1)


def calibrated_loss(labels: Ints, probabilities: Floats) -> float:
    """Mean cross-entropy of probabilities (n, k) at the temperature that suits them best.

    It compares models whose confidence differs. Where every prediction is correct, the more
    confident model is better.
    """
    best = fit_temperature(labels, probabilities) or LOWEST_TEMPERATURE
    return float(metrics.log_losses(labels, apply_temperature(probabilities, best)).mean())


def fit_temperature(labels: Ints, probabilities: Floats) -> float | None:
    """Fit a temperature to probabilities (n, k) of validation pictures by maximum likelihood.

    The loss is convex in 1 / T; its minimum is found by bisection on log T, between 0.05 and 20.
    None without pictures, or if all predictions are correct: the likelihood is then largest at 0.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    if not len(labels) or bool((probabilities.argmax(axis=1) == labels).all()):
        return None
    logits = np.log(np.maximum(probabilities, TINY))
    mean_logit = logits[np.arange(len(labels)), labels].mean()
    low, high = np.log(LOWEST_TEMPERATURE), np.log(HIGHEST_TEMPERATURE)
    for _ in range(50):
        middle = (low + high) / 2
        scaled = softmax(logits / np.exp(middle))
        slope = (scaled * logits).sum(axis=1).mean() - mean_logit
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """Apply a temperature to probabilities (n, k): softmax(log p / T)."""
    return softmax(np.log(np.maximum(probabilities, TINY)) / temperature)


def reliability(predictions: Predictions) -> Reliability:
    """Accuracy by predicted probability, in bins of equal width, and expected calibration error.

    There must be at least one prediction.

    Source: Guo et al. (2017), equations 2 and 3.
    """
    confidence, correct = predictions.confidence, predictions.correct
    bin_index = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    filled = [
        Bin(
            low=i / BINS,
            high=(i + 1) / BINS,
            count=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=intervals.share(correct[inside], predictions.groups[inside]),
        )
        for i in np.unique(bin_index).tolist()
        for inside in [bin_index == i]
    ]
    return Reliability(bins=tuple(filled), error=_error(filled))


def _error(bins: Sequence[Bin]) -> Estimate:
    """The expected calibration error, with the interval that follows from those of the bins.

    A bootstrap's would not account for mistakes that the test set happens not to contain.
    """
    accuracies = [each.accuracy for each in bins]
    value, low, high = np.array([[each.value, each.low, each.high] for each in accuracies]).T
    confidence, count = np.array([[each.confidence, each.count] for each in bins]).T
    gap, weights = np.abs(value - confidence), count / count.sum()
    most = np.maximum(high - confidence, confidence - low)
    _, above = intervals.weighted_mean(gap, gap, most, weights)
    # Chance makes absolute gaps positive, so the lower bound is not that of a mean. Its intervals
    # are wider: all of them contain the truth at once (Bonferroni).
    wider = intervals.bonferroni_z(len(bins)) / intervals.Z
    low, high = value - wider * (value - low), value + wider * (high - value)
    least = np.maximum(0, np.maximum(low - confidence, confidence - high))
    return intervals.around(float(weights @ gap), float(weights @ least), min(above, 1.0))


def coverage(predictions: Predictions) -> tuple[CoveragePoint, ...]:
    """Coverage and error of n > 0 predictions at each threshold, the strictest first.

    Source: El-Yaniv and Wiener, "On the foundations of noise-free selective classification",
        JMLR 11 (2010).
    """
    ranked = np.argsort(-predictions.confidence, kind="stable")
    thresholds = predictions.confidence[ranked]
    # Equal probabilities pass a threshold together.
    last = np.flatnonzero(np.append(thresholds[1:] != thresholds[:-1], True))
    covered = (last + 1) / len(ranked)
    error = np.cumsum(~predictions.correct[ranked])[last] / (last + 1)
    return tuple(
        CoveragePoint(*(round(float(x), 6) for x in (thresholds[last[i]], covered[i], error[i])))
        for i in thin(covered, error)
    )


def choices(validation: Predictions, test: Predictions) -> tuple[Threshold, ...]:
    """Thresholds that give certain coverages on validation, with their results on both.

    Thresholds depend on validation pictures only, and are chosen by the error there, so that the
    error on the test set is honest. Neither set may be empty.
    """
    ranked = np.sort(validation.confidence)[::-1]
    thresholds: dict[float, Threshold] = {}
    for share in COVERAGES:
        value = 0.0 if share >= 1 else float(ranked[math.ceil(share * len(ranked)) - 1])
        before, choice = (
            at_threshold(part.confidence, ~part.correct, part.groups, value, share)
            for part in (validation, test)
        )
        thresholds.setdefault(value, choice.model_copy(update={"validation": before.error}))
    return tuple(thresholds.values())


def at_threshold(
    confidence: Floats, wrong: Flags, groups: Ints, value: float, target: float
) -> Threshold:
    """Coverage and error at a threshold that was chosen to cover a share of validation pictures.

    Args:
        confidence: probability of the predicted class of each picture, (n,).
        wrong: whether the prediction is wrong, (n,).
        groups: group of each picture, (n,).
        target: the share.
    """
    covered = confidence >= value
    return Threshold(
        target_coverage=target,
        value=value,
        coverage=intervals.share(covered, groups),
        error=intervals.share(wrong[covered], groups[covered]) if covered.any() else None,
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows of logits → rows of probabilities, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
