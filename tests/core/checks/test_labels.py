import numpy as np

from core.checks.labels import MARGIN, STRENGTH, find_label_issues
from core.training.cross_validation import out_of_fold


def clouds(classes: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as points around the centre of their class, far from the others'."""
    generator = np.random.default_rng(0)
    centres = generator.normal(0, 4, (classes, 256))
    labels = np.repeat(np.arange(classes), each)
    points = centres[labels] + generator.normal(0, 1, (len(labels), 256))
    return points.astype(np.float32), labels


def label_issues(points, labels, names, *, seed, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    probabilities = out_of_fold(points, labels, groups, seed, strength=STRENGTH)
    return find_label_issues(probabilities, labels, names)


def names(count: int) -> list[str]:
    return [f"{place}.jpg" for place in range(count)]


def test_planted_wrong_labels_are_found_with_the_class_they_look_like():
    points, true = clouds(3, 40)
    given = true.copy()
    planted = [3, 50, 100]
    given[planted] = (true[planted] + 1) % 3
    found = label_issues(points, given, names(len(given)), seed=0)
    assert {one.name for one in found} == {f"{place}.jpg" for place in planted}
    for one in found:
        place = int(one.name.removesuffix(".jpg"))
        assert (one.label, one.suggested) == (given[place], true[place])
        assert one.probability >= MARGIN


def test_wrong_labels_of_whole_bursts_do_not_hide_behind_each_other():
    centres, true = clouds(3, 40)
    generator = np.random.default_rng(1)
    points = np.repeat(centres, 8, axis=0)
    points += generator.normal(0, 0.05, points.shape).astype(np.float32)
    bursts, true = np.repeat(np.arange(len(centres)), 8), np.repeat(true, 8)
    given = true.copy()
    planted = np.isin(bursts, [3, 20, 50, 70, 100, 110])
    given[planted] = (true[planted] + 1) % 3
    found = label_issues(points, given, names(len(given)), seed=0, groups=bursts)
    assert {one.name for one in found} == {f"{place}.jpg" for place in np.flatnonzero(planted)}


def test_right_labels_raise_no_doubt():
    points, labels = clouds(3, 40)
    assert label_issues(points, labels, names(len(labels)), seed=0) == ()


def test_the_same_pictures_give_the_same_doubts():
    points, labels = clouds(4, 20)
    labels[[5, 30]] = labels[[30, 5]]
    first, second = (label_issues(points, labels, names(80), seed=1) for _ in range(2))
    assert first == second
    assert len(first) == 2
