import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, f1_score

from core.evaluation import differences, evaluate, significance
from core.evaluation.paired import (
    DIFFERENCES,
    EvaluatedModel,
    NotComparable,
    PairedComparison,
    against,
    compare,
)
from core.evaluation.verdict import chance, verdict

CLASSES = ("rose", "tulip", "daisy")


def answered(labels, said, classes=CLASSES, keys=None, sure=0.7):
    """Test pictures of these classes, by name, and what each was called."""
    place = {name: i for i, name in enumerate(classes)}
    given = np.full((len(labels), len(classes)), (1 - sure) / (len(classes) - 1), np.float32)
    given[np.arange(len(labels)), [place[name] for name in said]] = sure
    report = evaluate([place[name] for name in labels], given, classes)
    keys = tuple(keys or (f"{i:064x}" for i in range(len(labels))))
    return EvaluatedModel(report, keys, given)


def with_right(*right, pictures=20):
    """Answers that are right on the pictures of these numbers."""
    labels = [CLASSES[i % 3] for i in range(pictures)]
    said = [CLASSES[(i + (i not in right)) % 3] for i in range(pictures)]
    return answered(labels, said)


def drawn(seed, pictures, right):
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, pictures)
    said = np.where(generator.random(pictures) < right, labels, generator.choice(CLASSES, pictures))
    return labels, said


@pytest.mark.parametrize("one", [0, 1, 5, 30, 400])
@pytest.mark.parametrize("two", [0, 1, 12, 380])
def test_mcnemar_equals_scipy(one, two):
    expected = stats.binomtest(one, one + two).pvalue if one + two else 1.0
    assert significance.mcnemar(one, two) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_holds_for_a_million_pictures():
    assert significance.mcnemar(5_000, 5_400) == pytest.approx(
        stats.binomtest(5_000, 10_400).pvalue, rel=1e-6
    )


def test_holm_makes_up_for_several_comparisons():
    assert significance.holm([0.04, 0.01, 0.03]) == pytest.approx((0.06, 0.03, 0.06))
    assert significance.holm([0.9, 0.8]) == (1.0, 1.0)
    assert significance.holm([0.02]) == (0.02,)
    assert significance.holm([]) == ()


def test_the_same_answers_differ_in_nothing_but_are_not_taken_to_be_equally_good_for_ever():
    same = with_right(*range(15))
    found = compare(same, same)
    assert (found.both, found.only_first, found.only_second, found.neither) == (15, 0, 0, 5)
    assert not found.righted and not found.wronged
    for difference in (found.accuracy, found.balanced_accuracy, found.macro_f1):
        assert difference.estimate.value == 0 and not difference.beyond_chance
        assert difference.estimate.low < 0 < difference.estimate.high
    assert found.log_loss.estimate.value == 0 and not found.log_loss.beyond_chance
    assert found.accuracy.p == 1
    assert verdict(found, "A", "B") == (
        "No difference that 20 pictures can show: A and B are right on the same 15."
    )


def test_all_changes_one_way_are_more_than_chance_and_are_named():
    found = compare(with_right(*range(8)), with_right(*range(16)))
    assert [place.first for place in found.righted] == list(range(8, 16))
    assert not found.wronged
    assert found.accuracy.p == pytest.approx(2 / 2**8)
    assert found.accuracy.beyond_chance and found.macro_f1.beyond_chance
    assert found.accuracy.estimate.low > 0
    assert verdict(found, "A", "B") == (
        "B is better than A: right on 8 more of 20 pictures (p = 0.008)."
    )
    back = compare(with_right(*range(16)), with_right(*range(8)))
    assert back.wronged == tuple((i, i) for i in range(8, 16))
    assert verdict(back, "A", "B") == (
        "B is worse than A: right on 8 fewer of 20 pictures (p = 0.008)."
    )


def test_each_figure_says_whom_it_favours_and_less_log_loss_is_better():
    worse, better = with_right(*range(8)), with_right(*range(16))
    for figure in DIFFERENCES:
        assert compare(worse, better).favours(figure) == 1
        assert compare(better, worse).favours(figure) == -1
        assert compare(worse, worse).favours(figure) == 0
    assert (
        compare(answered(["rose"], ["tulip"]), answered(["rose"], ["rose"])).favours("log_loss")
        == 0
    )


def test_changes_both_ways_leave_it_open():
    found = compare(with_right(0, 1, 2, 3, 4, 5), with_right(3, 4, 5, 6, 7, 8, 9))
    assert (found.both, found.only_first, found.only_second, found.neither) == (3, 3, 4, 10)
    assert verdict(found, "A", "B") == (
        "No difference that 20 pictures can show: A is right on 6, B on 7 (p = 1)."
    )


def test_one_picture_shows_nothing():
    found = compare(answered(["rose"], ["tulip"]), answered(["rose"], ["rose"]))
    assert found.righted == ((0, 0),)
    assert found.log_loss is None
    for difference in (found.accuracy, found.balanced_accuracy, found.macro_f1):
        assert not difference.beyond_chance
    assert verdict(found) == (
        "No difference that 1 picture can show: the first is right on 0, the second on 1 (p = 1)."
    )


def test_neither_the_order_of_pictures_nor_that_of_classes_matters():
    labels, said = drawn(0, 30, 0.6)
    _, better = drawn(0, 30, 0.9)
    first = answered(labels, said)
    order = np.random.default_rng(1).permutation(30)
    second = answered(
        labels[order],
        better[order],
        classes=("daisy", "rose", "tulip"),
        keys=[first.keys[i] for i in order],
    )
    plain, mixed = compare(first, answered(labels, better)), compare(first, second)
    assert [place.first for place in mixed.righted] == [place.first for place in plain.righted]
    assert all(order[there] == here for here, there in (*mixed.righted, *mixed.wronged))
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert getattr(mixed, name) == getattr(plain, name)
    assert mixed.log_loss.estimate.value == pytest.approx(plain.log_loss.estimate.value)


def test_differences_are_those_of_scikit_learn_and_of_the_reports():
    labels, said = drawn(2, 60, 0.5)
    _, other = drawn(3, 60, 0.5)
    first, second = answered(labels, said), answered(labels, other, sure=0.9)
    found = compare(first, second)
    f1 = [f1_score(labels, given, average="macro") for given in (said, other)]
    balanced = [balanced_accuracy_score(labels, given) for given in (said, other)]
    assert found.macro_f1.estimate.value == pytest.approx(f1[1] - f1[0])
    assert found.balanced_accuracy.estimate.value == pytest.approx(balanced[1] - balanced[0])
    losses = [one.report.log_loss.value for one in (first, second)]
    assert found.log_loss.estimate.value == pytest.approx(losses[1] - losses[0])
    assert found == compare(first, second), "equal input and seed"
    assert found.macro_f1 != compare(first, second, seed=1).macro_f1


@pytest.mark.parametrize(
    ("keys", "shared", "says"),
    [
        (range(20, 40), 0, "of their 20 and 20 test pictures none is the same."),
        (range(19, 39), 1, "of their 20 and 20 test pictures 1 is the same."),
        (range(5, 25), 15, "of their 20 and 20 test pictures 15 are the same."),
        ([0, *range(19)], 19, "of their 20 and 20 test pictures 19 are the same."),
    ],
)
def test_other_pictures_are_not_paired(keys, shared, says):
    first = with_right(*range(10))
    second = answered(["rose"] * 20, ["rose"] * 20, keys=[f"{key:064x}" for key in keys])
    found = compare(first, second)
    assert isinstance(found, NotComparable) and found.shared == shared
    assert verdict(found, "A", "B") == (
        f"No paired test of A and B: {says} "
        "A test picture of one may be among those that the other learned from."
    )


def test_more_pictures_are_not_paired_even_if_all_of_the_fewer_are_among_them():
    found = compare(with_right(pictures=20), with_right(pictures=25))
    assert isinstance(found, NotComparable) and found.shared == 20
    assert "of their 20 and 25 test pictures 20 are the same" in verdict(found)


def test_other_labels_and_other_classes_are_not_paired():
    first = answered(["rose", "tulip"], ["rose", "rose"])
    relabelled = verdict(compare(first, answered(["rose", "daisy"], ["rose", "rose"])), "A", "B")
    assert relabelled == (
        "No paired test of A and B: of their 2 test pictures, which are the same, "
        "1 picture has another label."
    )
    more = answered(["rose", "tulip"], ["rose", "rose"], classes=(*CLASSES, "lily"))
    assert "the classes to choose from are not" in verdict(compare(first, more))


def test_a_picture_that_is_there_twice_is_counted_twice():
    keys = ["a", "a", "b"]
    first = answered(["rose", "tulip", "rose"], ["rose", "rose", "rose"], keys=keys)
    second = answered(["rose", "tulip", "rose"], ["rose", "tulip", "tulip"], keys=["b", "a", "a"])
    found = compare(first, second)
    assert isinstance(found, PairedComparison)
    assert (found.righted, found.wronged) == (((1, 1),), ((0, 2),))


def test_of_several_each_is_compared_with_the_first():
    first = with_right(*range(10))
    others = [with_right(*range(16)), with_right(*range(17)), answered(["rose"], ["rose"])]
    found = against(first, others)
    assert [type(one) for one in found] == [PairedComparison, PairedComparison, NotComparable]
    alone = compare(first, others[0])
    assert found[0].accuracy.p == alone.accuracy.p == pytest.approx(2 / 2**6)
    assert [one.accuracy.adjusted for one in found[:2]] == pytest.approx([2 / 2**6, 4 / 2**7])
    assert found[0].comparisons == 2
    assert verdict(found[0], "A", "B").endswith("(p = 0.031, adjusted for 2 comparisons).")
    three = against(first, [others[0]] * 3)[0]
    assert alone.accuracy.beyond_chance and not three.accuracy.beyond_chance
    assert three.macro_f1.adjusted > three.macro_f1.p


def test_figures_say_how_likely_chance_is_without_claiming_none():
    assert chance(1e-9) == "p < 0.001"
    assert chance(0.0312) == "p = 0.031"
    assert chance(0.0999) == "p = 0.10"
    assert chance(0.63) == "p = 0.63"
    assert chance(1.0) == "p = 1"


def test_keys_must_be_those_of_the_report():
    first = with_right(0)
    with pytest.raises(ValueError, match="expected 20 keys"):
        EvaluatedModel(first.report, first.keys[1:], first.probabilities)


@pytest.mark.parametrize("pictures", [15, 90])
def test_intervals_hold_the_truth_as_often_as_they_say(pictures):
    labels = np.repeat([0, 1, 2], pictures // 3)
    true, many = [], np.repeat([0, 1, 2], 100_000)
    found = []

    def answer(labels, generator, right):
        wrong = (labels + generator.integers(1, 3, len(labels))) % 3
        return np.where(generator.random(len(labels)) < right, labels, wrong)

    def both(labels, seed):
        generator = np.random.default_rng(seed)
        one = answer(labels, generator, 0.8)
        # The second mostly says what the first does.
        two = np.where(generator.random(len(labels)) < 0.6, one, answer(labels, generator, 0.95))
        return labels, one, two

    true = [d.estimate.value for d in differences.of_averages(*both(many, 0), 3, seed=0)]
    found = [differences.of_averages(*both(labels, s), 3, seed=s) for s in range(1, 201)]
    for place, truth in enumerate(true):
        estimates = [pair[place].estimate for pair in found]
        assert np.mean([one.low <= truth <= one.high for one in estimates]) > 0.91


def test_two_that_are_equally_good_are_seldom_told_apart():
    labels = np.arange(60) % 3
    told = np.zeros(3)
    for seed in range(300):
        generator = np.random.default_rng(seed)
        one, two = (
            np.where(generator.random(60) < 0.8, labels, (labels + 1) % 3) for _ in range(2)
        )
        balanced, macro = differences.of_averages(labels, one, two, 3, seed=seed)
        accuracy = differences.of_accuracy(
            int(((one == labels) & (two != labels)).sum()),
            int(((two == labels) & (one != labels)).sum()),
            60,
        )
        told += [d.beyond_chance for d in (accuracy, balanced, macro)]
    assert (told / 300 < 0.08).all(), told
