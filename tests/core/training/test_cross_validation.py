"""Heads are taught on some pictures and asked about others."""

import numpy as np
import pytest

from core.dataset import Example
from core.training import cross_validation
from core.training.cross_validation import groups, learning_curve, out_of_fold, teach
from tests.core.training.clouds import clusters


def example(sha256: str, group: int | None = None) -> Example:
    return Example(name=sha256, path=sha256, label=0, sha256=sha256, width=8, height=8, group=group)


def test_pictures_that_look_the_same_or_have_the_same_bytes_share_a_group():
    found = groups([example("a", 1), example("b", 1), example("c"), example("c", 2), example("d")])
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert len(set(found)) == 3


def test_what_can_be_told_apart_is_told_apart():
    train = clusters(90, spread=0.7)
    answers = out_of_fold(train.features, train.labels, train.owners, 0)
    assert (answers == train.labels).mean() > 0.9


def test_what_is_learned_by_heart_does_not_count():
    noise = np.random.default_rng(0).normal(size=(90, 40)).astype(np.float32)
    labels = np.random.default_rng(1).permutation(90) % 3
    answers = out_of_fold(noise, labels, np.arange(90), 0)
    assert (answers == labels).mean() < 0.5


def test_no_head_is_asked_about_a_group_that_it_was_taught(monkeypatch):
    groups = np.repeat(np.arange(30), 3)
    labels = groups % 3
    asked = []

    def spy(_embeddings, _labels, taught, _seed, **_):
        def answer(others):
            asked.extend(others[:, 0])
            assert not set(others[:, 0]) & set(taught)
            return np.zeros(len(others), np.int64)

        return answer

    monkeypatch.setattr(cross_validation, "teach", spy)
    out_of_fold(groups[:, None].astype(np.float32), labels, groups, 0)
    assert sorted(asked) == sorted(groups)


def test_the_folds_and_so_the_answers_are_those_of_the_seed():
    train = clusters(60, spread=2)
    one, again, other = (
        out_of_fold(train.features, train.labels, train.owners, seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_every_fold_is_told_and_can_end_it():
    train = clusters(30)
    said = []
    out_of_fold(
        train.features,
        train.labels,
        train.owners,
        0,
        progress=lambda done, total: said.append((done, total)),
    )
    assert said == [(n, 5) for n in range(1, 6)]

    def stop(done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        out_of_fold(train.features, train.labels, train.owners, 0, progress=stop)


def test_only_the_pictures_that_are_taught_set_the_scale():
    train = clusters(30)
    answer = teach(train.features, train.labels, train.owners, 0)
    others = clusters(30, seed=1).features
    alone = np.concatenate([answer(others[place : place + 1]) for place in range(30)])
    np.testing.assert_array_equal(answer(others), alone)
    np.testing.assert_array_equal(
        teach(1000 * train.features + 5, train.labels, train.owners, 0)(1000 * others + 5), alone
    )


def test_a_class_without_a_picture_is_never_said():
    train = clusters(40, classes=4)
    keep = train.labels != 2
    answer = teach(train.features[keep], train.labels[keep], train.owners[keep], 0)
    assert set(answer(train.features)) == {0, 1, 3}
    only = teach(train.features[~keep], train.labels[~keep], train.owners[~keep], 0)
    assert set(only(train.features)) == {2}


def test_a_rare_class_counts_as_much_as_a_common_one():
    train = clusters(400, classes=2, spread=3)
    keep = (train.labels == 0) | (train.owners < 40)
    rest = [array[keep] for array in (train.features, train.labels, train.owners)]
    weighted, plain = (out_of_fold(*rest, 0, weighted=weighted) for weighted in (True, False))
    rare = rest[1] == 1
    assert (weighted[rare] == 1).mean() > (plain[rare] == 1).mean()


def test_a_learning_curve_rises_to_what_all_pictures_give():
    train = clusters(150, spread=1.4, d=60)
    curve = learning_curve(train.features, train.labels, train.owners, ("a", "b", "c"), 0)
    assert [round(point.per_class) for point in curve.points] == [5, 10, 20, 40]
    first, last = (curve.points[at].accuracy.value for at in (0, -1))
    assert last > first
    answers = out_of_fold(train.features, train.labels, train.owners, 0)
    assert last == pytest.approx((answers == train.labels).mean(), abs=0.06)


def test_a_learning_curve_is_the_same_for_the_same_seed():
    train = clusters(60, spread=2)
    one, again, other = (
        learning_curve(train.features, train.labels, train.owners, ("a", "b", "c"), seed)
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one.points != other.points


def test_a_class_with_a_single_picture_does_not_stop_the_curve():
    train = clusters(60)
    keep = (train.labels != 2) | (train.owners == 2)
    rest = [array[keep] for array in (train.features, train.labels, train.owners)]
    assert learning_curve(*rest, ("a", "b", "c"), 0).verdict == "unknown"
    keep = (train.labels != 2) | (train.owners < 9)
    rest = [array[keep] for array in (train.features, train.labels, train.owners)]
    assert learning_curve(*rest, ("a", "b", "c"), 0).verdict != "unknown"
    assert cross_validation.out_of_fold(*rest, 0).shape == rest[1].shape
