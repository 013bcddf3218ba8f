import itertools

import numpy as np
import pytest

from core.evaluation import advice, folds
from core.evaluation.learning_curve import (
    PICTURES_PREDICTED,
    learning_curve,
)
from core.evaluation.report import Estimate

NAMES = ("ants", "bees", "<b>wasps</b>")


def make_pictures(per_class=40, classes=3, same=1):
    """The embedding of a picture is its number; `same` neighbours look alike."""
    n = per_class * classes
    return (
        np.arange(n, dtype=np.float32)[:, None],
        np.repeat(np.arange(classes), per_class),
        np.arange(n) // same,
    )


class RecordingFit:
    """Heads that are right about a class as often as `chance(label, taught)` says."""

    def __init__(self, labels, chance, strengths=1):
        self.labels, self.chance, self.strengths = labels, chance, strengths
        self.calls = []

    def __call__(self, taught, taught_labels, held_out):
        numbers = held_out[:, 0].astype(int)
        self.calls.append((taught[:, 0].astype(int), numbers))
        classes = self.labels.max() + 1
        probabilities = np.full((self.strengths, len(numbers), classes), 0.1)
        for row, picture in enumerate(numbers):
            label = self.labels[picture]
            draw = np.random.default_rng(picture).random()
            right = draw < self.chance(label, np.sum(taught_labels == label))
            probabilities[-1, row, label if right else (label + 1) % classes] = 0.8
        probabilities[:-1, :, :] = 0.01  # heads with a high loss
        return probabilities


def curve_of(chance, per_class=40, same=1, strengths=1, seed=0):
    embeddings, labels, groups = make_pictures(per_class, same=same)
    learner = RecordingFit(labels, chance, strengths)
    return learning_curve(embeddings, labels, groups, NAMES, seed, learner), learner


def rising(_label, count):
    return 0.4 + 0.1 * np.log2(count)


def flat(_label, _count):
    return 0.7


def test_each_point_has_twice_the_pictures_of_the_one_before():
    curve, _ = curve_of(rising)
    assert [point.per_class for point in curve.points] == [4, 8, 16, 32]
    assert [point.taught for point in curve.points] == [12, 24, 48, 96]
    values = [point.accuracy.value for point in curve.points]
    assert values == sorted(values)


def test_no_group_is_in_training_and_held_out():
    _, learner = curve_of(rising, same=4)
    for taught, held_out in learner.calls:
        assert not {picture // 4 for picture in taught} & {picture // 4 for picture in held_out}


def test_every_picture_is_predicted_at_every_size():
    _, learner = curve_of(rising)
    held_out_of_largest = [held_out for taught, held_out in learner.calls if len(taught) == 96]
    assert sorted(np.concatenate(held_out_of_largest)) == list(range(120))


def test_subsets_are_nested_and_contain_every_class():
    _, learner = curve_of(rising, per_class=400)  # one subset of each size in each fold
    by_fold = {}
    for taught, held_out in learner.calls:
        by_fold.setdefault(held_out[0], []).append(set(taught))
    for parts in by_fold.values():
        parts.sort(key=len)
        for smaller, larger in itertools.pairwise(parts):
            assert smaller < larger
            assert {picture // 400 for picture in smaller} == {0, 1, 2}


def test_subsets_hold_whole_groups_and_about_their_share_of_the_pictures():
    curve, learner = curve_of(rising, per_class=200, same=5)
    for taught, _ in learner.calls:
        assert len(taught) == 5 * len(np.unique(taught // 5))
    assert [point.taught for point in curve.points] == pytest.approx([60, 120, 240, 480], abs=15)


def test_another_seed_gives_other_subsets_of_the_same_folds(monkeypatch):
    monkeypatch.setattr(folds, "assign", lambda labels, *_: np.arange(len(labels)) % 5)
    first, different = (curve_of(rising, seed=seed)[1].calls for seed in (1, 2))
    assert [list(held_out) for _, held_out in first] == [
        list(held_out) for _, held_out in different
    ]
    assert [list(taught) for taught, _ in first] != [list(taught) for taught, _ in different]


def test_the_regularisation_with_the_lowest_loss_counts():
    plain, _ = curve_of(flat)
    chosen, _ = curve_of(flat, strengths=3)
    assert chosen.points == plain.points


def test_of_many_pictures_only_enough_are_predicted():
    curve, learner = curve_of(flat, per_class=1_500)
    held_out = np.unique(np.concatenate([held_out for _, held_out in learner.calls]))
    assert PICTURES_PREDICTED <= len(held_out) < 4_500
    half_width = (curve.points[-1].accuracy.high - curve.points[-1].accuracy.low) / 2
    assert half_width == pytest.approx(1.96 * np.sqrt(0.21 / len(held_out)), rel=0.05)


@pytest.mark.parametrize(
    ("accuracy", "per_class", "verdict", "words"),
    [
        (lambda _, count: 0.3 + 0.06 * np.log2(count), 400, "rising", "from 160 to 320 pictures"),
        (flat, 400, "flat", "Check the labels"),
        (lambda *_: 1.0, 400, "flat", "little left to gain"),
        (flat, 12, "unsure", "uncertain"),
        *((flat, count, "unknown", "too few") for count in (1, 2, 4)),
    ],
)
def test_the_verdict_depends_on_the_last_doubling(accuracy, per_class, verdict, words):
    curve, _ = curve_of(accuracy, per_class=per_class)
    assert curve.verdict == verdict
    assert words in curve.sentence
    assert (curve.gain is None) == (verdict == "unknown")
    if verdict == "rising":
        assert curve.gain.value == pytest.approx(0.06, abs=0.02)
        assert curve.gain.low < 0.06 < curve.gain.high


def test_the_class_with_the_lowest_rising_recall_is_named():
    def bees_rise(label, count):
        return 0.3 + 0.06 * np.log2(count) if label == 1 else 0.9

    def bees_are_poor(label, count):
        return 0.4 if label == 1 else 0.5 + 0.05 * np.log2(count)

    curve, _ = curve_of(bees_rise, per_class=400)
    assert curve.sentence.endswith("Begin with bees.")
    by_label = {trend.label: trend for trend in curve.trends}
    assert by_label[1].recall.value < by_label[0].recall.value
    assert by_label[0].gain.value == 0
    other, _ = curve_of(bees_are_poor, per_class=400)
    assert other.verdict == "rising"
    assert "bees" not in other.sentence


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [
        (0.04, 0.01, 0.07, "rising"),
        (0.02, -0.01, 0.05, "unsure"),
        (0.001, -0.06, 0.06, "unsure"),
        (0.002, 0.001, 0.003, "flat"),
        (0.005, -0.01, 0.02, "flat"),
        (-0.02, -0.04, 0.0, "flat"),
    ],
)
def test_the_verdict_depends_on_the_whole_interval(value, low, high, verdict):
    accuracy = Estimate(value=0.7, low=0.6, high=0.8)
    points = [advice.Point(taught=n, per_class=n / 2, accuracy=accuracy) for n in (40, 80)]
    gain = Estimate(value=value, low=low, high=high)
    assert advice.advise(NAMES, tuple(points), gain, ())[0] == verdict
