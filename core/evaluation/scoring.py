"""Labels and probabilities in, a report out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from core.errors import BadDataset, BadInput
from core.evaluation import calibration, intervals, measures
from core.evaluation.confusion import confuse
from core.evaluation.curves import class_curves
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import (
    Baseline,
    Certainty,
    Choice,
    Estimate,
    Prediction,
    Report,
)
from core.evaluation.wording import headline

ALL_KEPT = 20
"""Up to so many classes, every probability is listed with a picture; beyond, the best five."""
TOP = 5
DIGITS = 6


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    *,
    temperature: float | None = None,
    uncalibrated: ArrayLike | None = None,
    validation: ArrayLike | None = None,
    training_counts: ArrayLike | None = None,
    seed: int = 0,
) -> Report:
    """Score a model on its test pictures.

    Args:
        labels: true class of each picture, ints 0 to k - 1, (n,).
        probabilities: what the model answers: floats 0 to 1, rows that sum to 1, (n, k).
        classes: names of the k classes, k at least 2.
        names: of the pictures, (n,); their numbers from 1 where left out.
        temperature, uncalibrated: the temperature that is part of the model, and the answers
            (n, k) that it would give without; both or neither.
        validation: answers on the validation pictures, (m, k); thresholds are chosen by them,
            and there are none without.
        training_counts: training pictures by class, (k,); says which class is the commonest.
            Left out, the test pictures do.
        seed: of every bootstrap. Equal input and seed give an equal report.

    Raises:
        BadDataset: there is no test picture.
        BadInput: a probability is not a number.
        ValueError: shapes or ranges that do not fit each other.
    """
    classes = tuple(classes)
    truth, given, epsilon = _checked(labels, probabilities, len(classes))
    if not len(truth):
        raise BadDataset(
            "Expected at least one test picture, found none. Give the test set a share of the "
            "pictures, or add pictures."
        )
    names = tuple(names) if names is not None else tuple(map(str, range(1, len(truth) + 1)))
    if len(names) != len(truth):
        raise ValueError(f"expected {len(truth)} names, one a picture; found {len(names)}")
    if (temperature is None) != (uncalibrated is None):
        raise ValueError("expected a temperature and answers without it together, found one")

    predicted = given.argmax(axis=1)
    right = int((predicted == truth).sum())
    confusion = confuse(truth, predicted, len(classes))
    counts = np.array(confusion.counts)
    accuracy = intervals.proportion(right, len(truth))
    balanced, macro, weighted = measures.averaged(counts, seed=seed)
    return Report(
        headline=headline(right, accuracy, classes, confusion),
        classes=classes,
        pictures=len(truth),
        right=right,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        top=_top(truth, given),
        macro=macro,
        weighted=weighted,
        log_loss=_log_loss(truth, given, epsilon, seed),
        per_class=measures.by_class(classes, measures.tally(counts)),
        baseline=_baseline(truth, predicted, training_counts, len(classes)),
        confusion=confusion,
        predictions=_predictions(names, truth, predicted, given),
        certainty=_certainty(truth, given, temperature, uncalibrated, validation, seed),
        curves=class_curves(truth, given),
    )


def _checked(
    labels: ArrayLike, probabilities: ArrayLike, classes: int
) -> tuple[Ints, Floats, float]:
    truth, given = np.asarray(labels), np.asarray(probabilities)
    if classes < 2:
        raise ValueError(f"expected at least 2 classes, found {classes}")
    if truth.ndim != 1 or (truth.size and truth.dtype.kind not in "iu"):
        raise ValueError(f"expected labels as ints (n,), found {truth.dtype} {truth.shape}")
    if truth.size and (truth.min() < 0 or truth.max() >= classes):
        raise ValueError(f"expected labels 0 to {classes - 1}, found {truth.max()}")
    epsilon = float(np.finfo(given.dtype if given.dtype.kind == "f" else float).eps)
    return truth.astype(np.int64), _rows(given, (len(truth), classes), "test"), epsilon


def _rows(given: ArrayLike, shape: tuple[int, int], which: str) -> Floats:
    """Probabilities as float64, of that shape; a length of -1 may be any."""
    found = np.asarray(given).astype(np.float64)
    if found.ndim != 2 or any(
        want not in (-1, got) for want, got in zip(shape, found.shape, strict=True)
    ):
        raise ValueError(f"expected {which} probabilities {shape}, found {found.shape}")
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).any(axis=1).sum())
        raise BadInput(
            f"Expected a probability for every class, found none for {bad} of {len(found)} "
            f"{which} pictures. The training has gone astray: try a lower learning rate."
        )
    if found.size and (found.min() < 0 or np.abs(found.sum(axis=1) - 1).max() > 1e-3):
        raise ValueError(f"expected {which} probabilities of 0 to 1, in rows that sum to 1")
    return found


def _top(labels: Ints, probabilities: Floats) -> tuple[Estimate, ...]:
    ranks = measures.ranks(labels, probabilities)
    most = min(TOP, probabilities.shape[1] - 1)
    return tuple(
        intervals.proportion(int((ranks < k).sum()), len(labels)) for k in range(1, most + 1)
    )


def _log_loss(labels: Ints, probabilities: Floats, epsilon: float, seed: int) -> Estimate:
    own = probabilities[np.arange(len(labels)), labels]
    losses = -np.log(np.clip(own, epsilon, 1 - epsilon))
    draws = intervals.bootstrap(len(labels), lambda rows: losses[rows].mean(axis=1), seed=seed)
    low, high = intervals.percentiles(draws)
    return intervals.around(float(losses.mean()), float(low), float(high))


def _baseline(
    labels: Ints, predicted: Ints, training_counts: ArrayLike | None, classes: int
) -> Baseline:
    counts = np.bincount(labels, minlength=classes)
    known = counts if training_counts is None else np.asarray(training_counts)
    if known.shape != counts.shape:
        raise ValueError(f"expected training counts {counts.shape}, found {known.shape}")
    guess = int(known.argmax())
    ours, theirs = predicted == labels, labels == guess
    return Baseline(
        label=guess,
        accuracy=intervals.proportion(int(counts[guess]), len(labels)),
        gain=intervals.paired_difference(
            int((ours & ~theirs).sum()), int((theirs & ~ours).sum()), len(labels)
        ),
    )


def _predictions(
    names: tuple[str, ...], labels: Ints, predicted: Ints, probabilities: Floats
) -> tuple[Prediction, ...]:
    classes = probabilities.shape[1]
    kept = classes if classes <= ALL_KEPT else TOP
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :kept]
    values = np.round(np.take_along_axis(probabilities, ranked, axis=1), DIGITS).tolist()
    return tuple(
        Prediction(
            name=name,
            label=label,
            predicted=answer,
            probability=row[0],
            top=tuple(map(Choice, order, row)),
        )
        for name, label, answer, order, row in zip(
            names, labels.tolist(), predicted.tolist(), ranked.tolist(), values, strict=True
        )
    )


def _certainty(
    labels: Ints,
    probabilities: Floats,
    temperature: float | None,
    uncalibrated: ArrayLike | None,
    validation: ArrayLike | None,
    seed: int,
) -> Certainty:
    as_answered = calibration.reliability(labels, probabilities, seed=seed)
    before, after = as_answered, None
    if uncalibrated is not None:
        rows = _rows(uncalibrated, probabilities.shape, "test")
        before, after = calibration.reliability(labels, rows, seed=seed), as_answered
    chosen_by = np.empty((0, probabilities.shape[1]))
    if validation is not None:
        chosen_by = _rows(validation, (-1, probabilities.shape[1]), "validation")
    return Certainty(
        before=before,
        after=after,
        temperature=temperature,
        coverage=calibration.coverage(labels, probabilities),
        choices=calibration.choices(chosen_by, labels, probabilities),
    )
