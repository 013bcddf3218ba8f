import numpy as np

from core.checks.labels import MARGIN, STRENGTH, find_label_issues
from core.training.cross_validation import out_of_fold


def draw_clouds(classes: int, per_class: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures as points around the centre of their class, far from the others'."""
    generator = np.random.default_rng(0)
    centres = generator.normal(0, 4, (classes, 256))
    labels = np.repeat(np.arange(classes), per_class)
    points = centres[labels] + generator.normal(0, 1, (len(labels), 256))
    return points.astype(np.float32), labels


def label_issues(points, labels, names, *, seed, groups=None):
    groups = np.arange(len(labels)) if groups is None else groups
    probabilities = out_of_fold(points, labels, groups, seed, strength=STRENGTH)
    return find_label_issues(probabilities, labels, names)


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def test_planted_wrong_labels_are_found_with_the_suggested_class():
    points, true = draw_clouds(3, 40)
    labels = true.copy()
    planted = [3, 50, 100]
    labels[planted] = (true[planted] + 1) % 3
    issues = label_issues(points, labels, names(len(labels)), seed=0)
    assert {issue.name for issue in issues} == {f"{index}.jpg" for index in planted}
    for issue in issues:
        index = int(issue.name.removesuffix(".jpg"))
        assert (issue.label, issue.suggested) == (labels[index], true[index])
        assert issue.probability >= MARGIN


def test_wrong_labels_of_whole_bursts_are_found():
    centres, true = draw_clouds(3, 40)
    generator = np.random.default_rng(1)
    points = np.repeat(centres, 8, axis=0)
    points += generator.normal(0, 0.05, points.shape).astype(np.float32)
    bursts, true = np.repeat(np.arange(len(centres)), 8), np.repeat(true, 8)
    labels = true.copy()
    planted = np.isin(bursts, [3, 20, 50, 70, 100, 110])
    labels[planted] = (true[planted] + 1) % 3
    issues = label_issues(points, labels, names(len(labels)), seed=0, groups=bursts)
    assert {issue.name for issue in issues} == {f"{index}.jpg" for index in np.flatnonzero(planted)}


def test_correct_labels_have_no_issues():
    points, labels = draw_clouds(3, 40)
    assert label_issues(points, labels, names(len(labels)), seed=0) == ()


def test_a_class_that_the_other_folds_lack_is_not_doubted():
    """Its few pictures are in groups of other classes, which happen to be in one fold."""
    points, labels = draw_clouds(3, 20)
    groups = np.arange(60) // 2
    rare = np.array([0, 10])
    labels[rare] = 3
    found = 0
    for seed in range(20):
        probabilities = out_of_fold(points, labels, groups, seed, strength=STRENGTH)
        issues = {i.name for i in find_label_issues(probabilities, labels, names(60))}
        absent = {f"{index}.jpg" for index in rare if probabilities[index, 3] == 0}
        assert not issues & absent
        found += len(absent)
    assert found
