import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score

from core.evaluation import differences, evaluate
from core.evaluation.comparison_wording import describe_comparison, p_value_text
from core.evaluation.paired import (
    DIFFERENCES,
    EvaluatedModel,
    NotComparable,
    PairedComparison,
    compare,
    compare_with,
)

CLASSES = ("rose", "tulip", "daisy")


def evaluated_model(labels, predicted, classes=CLASSES, keys=None, probability=0.7):
    """A model evaluated on pictures with these actual and predicted classes."""
    index = {name: i for i, name in enumerate(classes)}
    remainder = (1 - probability) / (len(classes) - 1)
    probabilities = np.full((len(labels), len(classes)), remainder, np.float32)
    probabilities[np.arange(len(labels)), [index[name] for name in predicted]] = probability
    report = evaluate([index[name] for name in labels], probabilities, classes)
    keys = tuple(keys or (f"{i:064x}" for i in range(len(labels))))
    return EvaluatedModel(report, keys, probabilities, np.arange(len(labels)))


def correct_on(correct, pictures=20):
    """A model that is correct on the pictures with these numbers."""
    labels = [CLASSES[i % 3] for i in range(pictures)]
    return evaluated_model(labels, [CLASSES[(i + (i not in correct)) % 3] for i in range(pictures)])


def draw_predictions(seed, pictures, accuracy):
    generator = np.random.default_rng(seed)
    labels, guesses = generator.choice(CLASSES, (2, pictures))
    return labels, np.where(generator.random(pictures) < accuracy, labels, guesses)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (0, 12), (1, 0), (5, 380), (400, 1), (5_000, 5_400)]
)
def test_without_groups_the_permutation_test_is_mcnemars(first, second):
    change = np.repeat([-1, 1, 0], [first, second, 7])
    expected = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    p = differences.sign_flip(change, np.arange(len(change)))
    assert p == pytest.approx(expected, rel=1e-6)


def test_the_permutation_test_swaps_whole_groups():
    change = np.repeat([1, 1, 1, -1, 0], [10, 10, 5, 10, 10])
    groups = np.repeat(np.arange(5), [10, 10, 5, 10, 10])
    sums = [10, 10, 5, -10]
    swapped = [abs(np.dot(signs, sums)) >= 15 for signs in itertools.product((1, -1), repeat=4)]
    assert differences.sign_flip(change, groups) == pytest.approx(np.mean(swapped))
    assert differences.sign_flip(change, np.arange(45)) < 0.05


def test_equal_models_on_bursts_seldom_differ_significantly():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    p_values = [
        differences.sign_flip(generator.integers(-1, 2, 30)[groups], groups) for _ in range(400)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.07


def test_one_better_scene_is_no_better_model():
    """Ten corrections, all of one scene of ten frames, are worth one."""
    worse, better = correct_on(range(10)), correct_on(range(20))
    scenes = np.arange(20) // 10
    single = compare(worse, better)
    grouped = compare(replace(worse, groups=scenes), better)
    assert single.favours("accuracy") == 1
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        wide, narrow = (getattr(result, name).estimate for result in (grouped, single))
        assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)
        assert not getattr(grouped, name).significant
    assert grouped.log_loss is None


def test_holm_adjusts_p_values():
    assert differences.holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert differences.holm([0.9, 0.8]) == (1.0, 1.0)
    assert differences.holm([0.02]) == (0.02,)
    assert differences.holm([]) == ()


def test_equal_models_have_differences_of_zero_with_an_interval():
    same = correct_on(range(15))
    result = compare(same, same)
    assert (result.both, result.fixed, result.broken) == (15, (), ())
    for difference in (result.accuracy, result.balanced_accuracy, result.macro_f1):
        assert difference.estimate.value == 0 and not difference.significant
        assert difference.estimate.low < 0 < difference.estimate.high
    assert result.log_loss.estimate.value == 0 and not result.log_loss.significant
    assert result.accuracy.p == 1
    assert "the same 15" in describe_comparison(result)


def test_eight_corrections_and_no_new_mistake_are_significant():
    worse, better = correct_on(range(8)), correct_on(range(16))
    result, reverse = compare(worse, better), compare(better, worse)
    assert [position.first for position in result.fixed] == list(range(8, 16))
    assert not result.broken
    assert reverse.broken == tuple((i, i) for i in range(8, 16))
    assert result.accuracy.p == pytest.approx(2 / 2**8)
    assert result.accuracy.estimate.low > 0
    assert describe_comparison(result, "A", "B").startswith("B is better than A: 8 more of 20")
    assert describe_comparison(reverse, "A", "B").startswith("B is worse than A: 8 fewer of 20")
    for figure in DIFFERENCES:
        assert (result.favours(figure), reverse.favours(figure)) == (1, -1)
        assert compare(worse, worse).favours(figure) == 0


def test_changes_both_ways_are_not_significant():
    result = compare(correct_on(range(6)), correct_on(range(3, 10)))
    assert (result.both, len(result.broken), len(result.fixed)) == (3, 3, 4)
    assert "A predicts 6 correctly, B 7 (p = 1)" in describe_comparison(result, "A", "B")


def test_one_picture_shows_no_difference():
    result = compare(evaluated_model(["rose"], ["tulip"]), evaluated_model(["rose"], ["rose"]))
    assert result.fixed == ((0, 0),)
    assert result.log_loss is None and result.favours("log_loss") == 0
    for difference in (result.accuracy, result.balanced_accuracy, result.macro_f1):
        assert not difference.significant
    assert "1 picture can show" in describe_comparison(result)


def test_the_order_of_pictures_and_classes_does_not_matter():
    labels, predicted = draw_predictions(0, 30, 0.6)
    _, better = draw_predictions(0, 30, 0.9)
    first = evaluated_model(labels, predicted)
    order = np.random.default_rng(1).permutation(30)
    second = evaluated_model(
        labels[order],
        better[order],
        classes=("daisy", "rose", "tulip"),
        keys=[first.keys[i] for i in order],
    )
    plain, mixed = compare(first, evaluated_model(labels, better)), compare(first, second)
    assert [p.first for p in mixed.fixed] == [p.first for p in plain.fixed]
    assert all(order[p.second] == p.first for p in (*mixed.fixed, *mixed.broken))
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(mixed, name) == getattr(plain, name)
    assert mixed.log_loss.estimate.value == pytest.approx(plain.log_loss.estimate.value)


def test_differences_equal_scikit_learns_and_those_of_the_reports():
    labels, before = draw_predictions(2, 60, 0.5)
    _, after = draw_predictions(3, 60, 0.5)
    first, second = evaluated_model(labels, before), evaluated_model(labels, after, probability=0.9)
    result = compare(first, second)
    f1 = [f1_score(labels, predicted, average="macro") for predicted in (before, after)]
    balanced = [balanced_accuracy_score(labels, predicted) for predicted in (before, after)]
    assert result.macro_f1.estimate.value == pytest.approx(f1[1] - f1[0])
    assert result.balanced_accuracy.estimate.value == pytest.approx(balanced[1] - balanced[0])
    losses = [m.report.log_loss.value for m in (first, second)]
    assert result.log_loss.estimate.value == pytest.approx(losses[1] - losses[0])
    assert result == compare(first, second)


@pytest.mark.parametrize(
    ("keys", "shared"),
    [(range(20, 40), 0), (range(19, 39), 1), ([0, *range(19)], 19), (range(25), 20)],
)
def test_different_test_sets_are_not_comparable(keys, shared):
    count = len(keys)
    second = evaluated_model(
        ["rose"] * count, ["rose"] * count, keys=[f"{key:064x}" for key in keys]
    )
    result = compare(correct_on(range(10)), second)
    assert isinstance(result, NotComparable) and result.shared == shared
    there = f"of their 20 and {count} test pictures, {shared or 'none'} "
    assert there in describe_comparison(result)


def test_different_labels_and_classes_are_not_comparable():
    first = evaluated_model(["rose", "tulip"], ["rose", "rose"])
    relabelled = compare(first, evaluated_model(["rose", "daisy"], ["rose", "rose"]))
    assert relabelled.relabelled == 1 and "1 picture has" in describe_comparison(relabelled)
    more_classes = evaluated_model(["rose", "tulip"], ["rose", "rose"], classes=(*CLASSES, "lily"))
    assert isinstance(compare(first, more_classes), NotComparable)
    assert "their classes are not" in describe_comparison(compare(first, more_classes))


def test_a_duplicate_picture_counts_twice():
    labels = ["rose", "tulip", "rose"]
    first = evaluated_model(labels, ["rose", "rose", "rose"], keys=["a", "a", "b"])
    second = evaluated_model(labels, ["rose", "tulip", "tulip"], keys=["b", "a", "a"])
    result = compare(first, second)
    assert (result.fixed, result.broken) == (((1, 1),), ((0, 2),))


def test_p_values_are_adjusted_for_the_number_of_models():
    first = correct_on(range(10))
    models = [correct_on(range(16)), correct_on(range(17)), evaluated_model(["rose"], ["rose"])]
    results = compare_with(first, models)
    assert [type(r) for r in results] == [PairedComparison, PairedComparison, NotComparable]
    alone = compare(first, models[0])
    assert results[0].accuracy.p == alone.accuracy.p == pytest.approx(2 / 2**6)
    assert [r.accuracy.adjusted for r in results[:2]] == pytest.approx([2 / 2**6, 4 / 2**7])
    assert results[0].comparisons == 2
    assert "adjusted for 2 comparisons" in describe_comparison(results[0])
    three = compare_with(first, [models[0]] * 3)[0]
    assert alone.accuracy.significant and not three.accuracy.significant
    assert three.macro_f1.adjusted > three.macro_f1.p


def test_p_values_are_rounded_but_never_to_zero():
    texts = [p_value_text(p) for p in (1e-9, 0.0312, 0.0999, 0.63, 1.0)]
    assert texts == ["p < 0.001", "p = 0.031", "p = 0.10", "p = 0.63", "p = 1"]


def test_keys_must_match_the_report():
    first = correct_on([0])
    with pytest.raises(ValueError, match="expected 20 keys"):
        EvaluatedModel(first.report, first.keys[1:], first.probabilities, first.groups)


@pytest.mark.parametrize("pictures", [15, pytest.param(90, marks=pytest.mark.slow)])
def test_intervals_contain_the_truth_as_often_as_they_should(pictures):
    def predict(labels, generator, accuracy):
        wrong = (labels + generator.integers(1, 3, len(labels))) % 3
        return np.where(generator.random(len(labels)) < accuracy, labels, wrong)

    def averages(labels, seed):
        generator = np.random.default_rng(seed)
        first = predict(labels, generator, 0.8)
        # The second model mostly agrees with the first.
        same = generator.random(len(labels)) < 0.6
        second = np.where(same, first, predict(labels, generator, 0.95))
        return differences.of_averages(labels, first, second, 3, np.arange(len(labels)))

    truth = [d.estimate.value for d in averages(np.repeat([0, 1, 2], 100_000), 0)]
    labels = np.repeat([0, 1, 2], pictures // 3)
    results = [averages(labels, seed) for seed in range(1, 201)]
    for i, value in enumerate(truth):
        estimates = [pair[i].estimate for pair in results]
        assert np.mean([e.low <= value <= e.high for e in estimates]) > 0.91


def test_equally_good_models_are_seldom_significantly_different():
    labels = np.arange(60) % 3
    significant = np.zeros(3)
    for seed in range(300):
        generator = np.random.default_rng(seed)
        correct = generator.random((2, 60)) < 0.8
        first, second = np.where(correct, labels, (labels + 1) % 3)
        averages = differences.of_averages(labels, first, second, 3, np.arange(len(labels)))
        p = differences.sign_flip(correct[1].astype(int) - correct[0], np.arange(60))
        significant += [p < differences.ALPHA, *(d.significant for d in averages)]
    assert (significant / 300 < 0.08).all(), significant


@pytest.mark.parametrize("pictures", [10, 20, 60])
def test_equally_good_models_seldom_differ_significantly_in_log_loss(pictures):
    labels, groups, significant = np.arange(pictures) % 3, np.arange(pictures), []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        first, second = generator.dirichlet([0.5, 0.5, 0.5], (2, pictures))
        difference = differences.of_log_loss(labels, first, second, groups)
        significant.append(difference.significant)
    assert np.mean(significant) < 0.08


@pytest.mark.parametrize(("pictures", "size"), [(12, 1), (20, 1), (60, 5)])
def test_a_surer_model_is_not_better_because_the_test_set_has_few_mistakes(pictures, size):
    """Both are right for 93 %, and 79 % and 99 % sure: their expected losses are equal."""
    groups, significant = np.arange(pictures) // size, []
    for seed in range(100):
        right = np.random.default_rng(seed).random(pictures) < 0.93
        labels = np.where(right[groups], 0, 1)
        first, second = (
            np.tile([sure, 0.7 * (1 - sure), 0.3 * (1 - sure)], (pictures, 1))
            for sure in (0.786, 0.99)
        )
        significant.append(differences.of_log_loss(labels, first, second, groups).significant)
    assert np.mean(significant) < 0.08


def test_a_model_with_less_loss_on_every_picture_is_better():
    labels, generator = np.arange(30) % 3, np.random.default_rng(0)
    first = generator.dirichlet([1, 1, 1], 30)
    second = 0.8 * first + 0.2 * np.eye(3)[labels]
    difference = differences.of_log_loss(labels, first, second, labels * 10 + np.arange(30) // 3)
    assert difference.significant and difference.estimate.value < 0


def test_pictures_that_are_one_group_for_either_model_are_one_group():
    worse, better = correct_on(range(8)), correct_on(range(16))
    scenes = np.array([0, 0, 0, 0, *range(4, 20)])
    others = np.array([*range(8), *[8] * 8, *range(16, 20)])
    for first, second in itertools.permutations(
        (replace(worse, groups=scenes), replace(better, groups=others))
    ):
        result = compare(first, second)
        assert result.accuracy.p == 1, "all eight changes are of one scene"
    chained = compare(
        replace(worse, groups=np.arange(20) // 2), replace(better, groups=(np.arange(20) + 1) // 2)
    )
    assert chained.accuracy.p == 1
