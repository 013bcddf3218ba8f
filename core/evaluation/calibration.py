"""Whether the probabilities mean what they say, and how to make them."""

import math
from collections.abc import Sequence

import numpy as np

from core.evaluation import intervals
from core.evaluation.curves import thin
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import Bin, CoveragePoint, Reliability, Threshold

BINS = 10
COLDEST, HOTTEST = 0.05, 20.0
TINY = 1e-30
POINTS = 200
AIMS = (1.0, 0.98, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
"""Shares of the pictures that somebody may want answered."""


def fit_temperature(labels: Ints, probabilities: Floats) -> float | None:
    """The temperature that makes the probabilities of validation pictures likeliest.

    The loss is convex in 1 / T, so its slope is halved into on log T, between 0.05 and 20.

    Args:
        labels: class indices, (n,).
        probabilities: rows that sum to 1, (n, k).

    Returns:
        T, or None where the pictures cannot tell: none at all, or every one answered rightly
        (the likeliest temperature is then 0, which nobody should believe).

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    if not len(labels) or bool((probabilities.argmax(axis=1) == labels).all()):
        return None
    logits = np.log(np.maximum(probabilities, TINY))
    own = logits[np.arange(len(labels)), labels].mean()
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(50):
        middle = (low + high) / 2
        scaled = _softmax(logits / np.exp(middle))
        slope = (scaled * logits).sum(axis=1).mean() - own
        low, high = (middle, high) if slope > 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def scale(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities (n, k) at another temperature: softmax(log p / T). Labels stay the same."""
    return _softmax(np.log(np.maximum(probabilities, TINY)) / temperature)


def reliability(
    labels: Ints, probabilities: Floats, *, seed: int = 0, bins: int = BINS
) -> Reliability:
    """Accuracy by stated probability, and the expected calibration error.

    Args:
        labels: class indices, (n,), n at least 1.
        probabilities: (n, k).
        seed: of the bootstrap for the error's interval.
        bins: how many of equal width; empty ones are left out.

    Source: Guo et al. (2017), equations 2 and 3. The interval is the basic bootstrap's
        (Davison and Hinkley 1997, 5.2.1), as resampling inflates the error once more.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    found = []
    for i in np.unique(place):
        inside = place == i
        found.append(
            Bin(
                low=i / bins,
                high=(i + 1) / bins,
                count=int(inside.sum()),
                confidence=float(confidence[inside].mean()),
                accuracy=intervals.proportion(int(right[inside].sum()), int(inside.sum())),
            )
        )
    gap = right - confidence

    def error(indices: Ints) -> Floats:
        rows = np.arange(len(indices))[:, None] * bins
        flat = (rows + place[indices]).ravel()
        sums = np.bincount(flat, gap[indices].ravel(), minlength=len(indices) * bins)
        return np.abs(sums.reshape(-1, bins)).sum(axis=1) / len(labels)

    value = float(error(np.arange(len(labels))[None])[0])
    low, high = intervals.percentiles(intervals.bootstrap(len(labels), error, seed=seed))
    ends = (2 * value - float(high), 2 * value - float(low))
    return Reliability(
        bins=tuple(found),
        error=intervals.around(value, *(min(max(end, 0.0), 1.0) for end in ends)),
    )


def coverage(
    labels: Ints, probabilities: Floats, *, points: int = POINTS
) -> tuple[CoveragePoint, ...]:
    """What is answered and what of it is wrong, from the strictest threshold to none.

    Args:
        labels: class indices, (n,), n at least 1.
        probabilities: (n, k).
        points: keep at most so many of the distinct thresholds.

    Source: El-Yaniv and Wiener, "On the foundations of noise-free selective classification",
        JMLR 11 (2010).
    """
    thresholds, covered, error = _selective(labels, probabilities)
    return tuple(
        CoveragePoint(*(round(float(x), 6) for x in (thresholds[i], covered[i], error[i])))
        for i in thin(covered, error, points)
    )


def choices(
    validation: Floats, labels: Ints, probabilities: Floats, *, aims: Sequence[float] = AIMS
) -> tuple[Threshold, ...]:
    """Thresholds that answer a given share of the validation pictures, and what they give on test.

    They are chosen by validation pictures alone, so that the error on the test set stays honest.

    Args:
        validation: (m, k) probabilities; without a row there is nothing to choose by.
        labels: class indices of the test pictures, (n,), n at least 1.
        probabilities: (n, k) of the test pictures.
        aims: shares, from 1 down. Those that lead to the same threshold are listed once.
    """
    if not len(validation):
        return ()
    surest_first = np.sort(validation.max(axis=1))[::-1]
    found: dict[float, Threshold] = {}
    for aim in aims:
        least = math.ceil(aim * len(surest_first)) - 1
        value = 0.0 if aim >= 1 else float(surest_first[least])
        found.setdefault(value, at_threshold(labels, probabilities, value, aim))
    return tuple(found.values())


def at_threshold(labels: Ints, probabilities: Floats, value: float, aim: float) -> Threshold:
    """What of (n, k) probabilities is answered at a threshold, and how often that is wrong."""
    answered = probabilities.max(axis=1) >= value
    wrong = probabilities.argmax(axis=1)[answered] != labels[answered]
    count = int(answered.sum())
    return Threshold(
        aim=aim,
        value=value,
        coverage=intervals.proportion(count, len(labels)),
        error=intervals.proportion(int(wrong.sum()), count) if count else None,
    )


def _selective(labels: Ints, probabilities: Floats) -> tuple[Floats, Floats, Floats]:
    confidence = probabilities.max(axis=1)
    wrong = probabilities.argmax(axis=1) != labels
    ranked = np.argsort(-confidence, kind="stable")
    ordered = confidence[ranked]
    # Equal probabilities are answered together or not at all.
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    answered = last + 1
    return ordered[last], answered / len(labels), np.cumsum(wrong[ranked])[last] / answered


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)
