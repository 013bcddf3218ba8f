"""Evaluate predictions: labels and probabilities in, a report out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from core.errors import BadDataset, BadInput
from core.evaluation import calibration, intervals, metrics, prediction_sets
from core.evaluation.calibration import Predictions
from core.evaluation.confusion import build_confusion
from core.evaluation.curves import class_curves
from core.evaluation.intervals import Floats, Ints
from core.evaluation.report import (
    Baseline,
    Certainty,
    Choice,
    Estimate,
    Prediction,
    Report,
    SetLevel,
)
from core.evaluation.wording import NewGroups, headline

ALL_KEPT = 20
"""With up to so many classes, all probabilities of a picture are kept, otherwise the best five."""
TOP = 5
DIGITS = 6


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str],
    names: Sequence[str] | None = None,
    *,
    temperature: float | None = None,
    validation: Predictions | None = None,
    set_levels: Sequence[SetLevel] = (),
    training_counts: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    leaked: int = 0,
    left_out: int = 0,
    new_groups: NewGroups | None = None,
) -> Report:
    """Evaluate a model on its test pictures. Equal input gives an equal report.

    Args:
        labels, probabilities, groups: as of `Predictions`; each picture is alone without groups.
        classes: names of the k classes, k at least 2.
        names: of the pictures, (n,); numbers from 1 if None.
        temperature: that the probabilities were scaled by.
        validation: to choose thresholds by; None for no thresholds.
        set_levels: of the model's prediction sets, whose coverage is measured.
        training_counts: training pictures by class, (k,), to find the most common class by; the
            test pictures are counted if None.
        leaked: number of test pictures that nearly equal one that the model learned from.
        left_out: number of such pictures that are not among these.
        new_groups: in the test set, if none of them is in training.

    Raises:
        BadDataset: there are no test pictures.
        BadInput: a probability is not a number.
        ValueError: probabilities have another shape, or do not sum to 1.
    """
    classes = tuple(classes)
    original = np.asarray(probabilities)
    truth, checked = np.asarray(labels, np.int64), original.astype(np.float64)
    if not len(truth):
        raise BadDataset(
            "Expected at least one test picture, found none. Give the test set a share of the "
            "pictures, or add pictures."
        )
    if bad := int((~np.isfinite(checked)).any(axis=1).sum()):
        raise BadInput(
            f"Expected a probability for every class, found none for {bad} of {len(checked)} "
            "test pictures. The training has diverged: try a lower learning rate."
        )
    sums_to_1 = bool((np.abs(checked.sum(axis=-1) - 1) < 1e-3).all())
    if checked.shape != (len(truth), len(classes)) or checked.min() < 0 or not sums_to_1:
        raise ValueError("expected a probability for each picture and class, in rows of sum 1")
    names = tuple(names) if names is not None else tuple(map(str, range(1, len(truth) + 1)))
    group = np.arange(len(truth)) if groups is None else np.asarray(groups, np.int64)
    test = Predictions(truth, checked, group)

    correct = int(test.correct.sum())
    confusion = build_confusion(truth, test.predicted, len(classes))
    counts = np.array(confusion.counts)
    effects = metrics.effects(truth, test.predicted, group, len(classes))
    accuracy = intervals.proportion(correct, len(truth), effects.accuracy)
    balanced, macro, weighted = metrics.average(counts, effects)
    baseline = _baseline(test, counts.sum(axis=1) if training_counts is None else training_counts)
    ranks, last = metrics.ranks(truth, checked), min(TOP, len(classes) - 1)
    return Report(
        headline=headline(
            correct, accuracy, classes, confusion, leaked, new_groups or NewGroups(), baseline
        ),
        leaked=leaked,
        left_out=left_out,
        classes=classes,
        pictures=len(truth),
        correct=correct,
        accuracy=accuracy,
        balanced_accuracy=balanced,
        top=tuple(intervals.share(ranks < k, group) for k in range(1, last + 1)),
        macro=macro,
        weighted=weighted,
        log_loss=_log_loss(truth, original if original.dtype.kind == "f" else checked, group),
        per_class=metrics.by_class(classes, metrics.class_counts(counts), effects),
        baseline=baseline,
        confusion=confusion,
        predictions=_predictions(names, test),
        certainty=_certainty(test, temperature, validation, set_levels),
        curves=class_curves(truth, checked),
    )


def _log_loss(labels: Ints, probabilities: Floats, groups: Ints) -> Estimate:
    """The mean loss with its bootstrap interval, drawn from the test set and two more groups."""
    losses = metrics.log_losses(labels, probabilities)
    unseen = metrics.log_losses_by_rank(probabilities)
    draws = intervals.bootstrap(*intervals.with_unseen(losses, groups, unseen))
    return intervals.from_draws(float(losses.mean()), draws)


def _baseline(test: Predictions, training_counts: ArrayLike) -> Baseline:
    most_common = int(np.argmax(training_counts))
    baseline = test.labels == most_common
    return Baseline(
        label=most_common,
        accuracy=intervals.share(baseline, test.groups),
        gain=intervals.accuracy_difference(test.correct.astype(np.int64) - baseline, test.groups),
    )


def _predictions(names: tuple[str, ...], test: Predictions) -> tuple[Prediction, ...]:
    classes = test.probabilities.shape[1]
    count = classes if classes <= ALL_KEPT else TOP
    ranked = np.argsort(-test.probabilities, axis=1, kind="stable")[:, :count]
    values = np.round(np.take_along_axis(test.probabilities, ranked, axis=1), DIGITS).tolist()
    return tuple(
        Prediction(
            name=name,
            label=label,
            predicted=order[0],
            probability=row[0],
            top=tuple(map(Choice, order, row)),
        )
        for name, label, order, row in zip(
            names, test.labels.tolist(), ranked.tolist(), values, strict=True
        )
    )


def _certainty(
    test: Predictions,
    temperature: float | None,
    validation: Predictions | None,
    set_levels: Sequence[SetLevel],
) -> Certainty:
    before = calibrated = calibration.reliability(test)
    if temperature is not None:
        uncalibrated = calibration.apply_temperature(test.probabilities, 1 / temperature)
        before = calibration.reliability(test._replace(probabilities=uncalibrated))
    offered = validation if validation is not None and len(validation.labels) else None
    return Certainty(
        before=before,
        after=None if temperature is None else calibrated,
        temperature=temperature,
        coverage=calibration.coverage(test),
        choices=calibration.choices(offered, test) if offered else (),
        validation=calibration.coverage(offered) if offered else (),
        sets=prediction_sets.measure(test, set_levels),
        calibrated_on=None if validation is None else len(np.unique(validation.groups)),
    )
