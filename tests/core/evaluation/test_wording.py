import numpy as np
import pytest

from core.evaluation import Estimate, describe, evaluate
from core.evaluation.intervals import proportion
from core.evaluation.wording import difference, figures, percent, rounded, share


def headline(counts, classes=("ants", "bees", "wasps", "flies")):
    counts = np.array(counts)
    labels, predicted = np.nonzero(counts)
    times = counts[labels, predicted]
    size = len(counts)
    probabilities = np.full((times.sum(), size), 0.1 / (size - 1))
    probabilities[np.arange(times.sum()), np.repeat(predicted, times)] = 0.9
    return evaluate(np.repeat(labels, times), probabilities, classes[:size]).headline


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            [[63, 7], [3, 80]],
            "143 of 153 test pictures correct: 93.5 % (88–97 %); mostly confuses ants with bees",
        ),
        ([[70, 2], [8, 73]], "; mostly confuses bees with ants"),
        ([[10, 1, 0], [1, 10, 2], [0, 0, 10]], "; mostly confuses bees with wasps"),
        (
            [[20, 2, 0, 1], [1, 20, 0, 1], [1, 0, 20, 1], [0, 1, 0, 20]],
            "; most often confuses ants with bees",
        ),
        ([[9, 7, 0], [7, 9, 0], [1, 0, 9]], "; most often confuses ants with bees"),
        ([[3, 0], [0, 3]], "All 6 test pictures correct: 100 % (60–100 %)"),
        ([[10, 0], [0, 4]], "All 14 test pictures correct: 100 % (78–100 %)"),
        (
            [[1, 0], [0, 0]],
            "1 of 1 test picture correct: 100 % (20–100 %), not shown to be better than always "
            "predicting ants",
        ),
        (
            [[95, 0], [5, 0]],
            "95 of 100 test pictures correct: 95.0 % (88–98 %), not shown to be better than always "
            "predicting ants; mostly confuses bees with ants",
        ),
    ],
)
def test_the_headline_has_the_accuracy_and_the_main_confusion(counts, text):
    assert headline(counts).endswith(text)


@pytest.mark.parametrize(
    "counts",
    [
        [[20, 1, 0], [0, 20, 1], [1, 0, 20]],
        [[20, 1, 0], [0, 20, 1], [0, 0, 20]],
        [[20, 1], [0, 20]],
        [[20, 2, 0], [0, 20, 2], [0, 0, 20]],
    ],
)
def test_a_confusion_that_occurred_once_or_as_often_as_another_is_not_named(counts):
    assert "confuses" not in headline(counts)


def test_a_leak_comes_first_in_the_headline():
    report = evaluate([0, 1], [[0.9, 0.1], [0.2, 0.8]], ("ants", "bees"), leaked=1)
    assert report.leaked == 1
    assert report.headline.startswith(
        "Not a fair test: 1 of 2 test pictures is a near-copy of training pictures. All 2 test"
    )


@pytest.mark.parametrize(
    ("right", "of", "text"),
    [
        (9, 10, "90 % (59–99)"),
        (143, 153, "93.5 % (88–97)"),
        (935, 1000, "93.5 % (91.7–94.9)"),
        (93_460, 100_000, "93.46 % (93.30–93.62)"),
        (30, 30, "100 % (88–100)"),
        (41, 41, "100 % (91–100)"),
        (0, 41, "0 % (0–9)"),
        (15, 24, "63 % (42–79)"),
    ],
)
def test_more_pictures_give_more_digits(right, of, text):
    assert describe(proportion(right, of)) == text


def test_figures_can_be_without_percent():
    estimate = Estimate(value=0.9312, low=0.8812, high=0.9688)
    assert describe(estimate, percent=False) == "0.93 (0.88–0.97)"
    assert figures(estimate) == ("93.1", "88", "97")
    assert describe(None) == "–"


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (0.995, 0.88, 1, "99.5 % (88–100)"),
        (0.9999, 0.88, 1, "99.99 % (88–100)"),
        (0.9998, 0.97, 1, "99.98 % (97.0–100.0)"),
        (0.004, 0, 0.12, "0.4 % (0–12)"),
        (1, 0.88, 1, "100 % (88–100)"),
        (0, 0, 0.12, "0 % (0–12)"),
    ],
)
def test_a_figure_looks_like_all_or_none_only_if_it_is(value, low, high, text):
    assert describe(Estimate(value=value, low=low, high=high)) == text


def test_figures_that_are_no_shares_have_only_the_digits_that_their_interval_supports():
    gain = Estimate(value=0.0003, low=-0.06, high=0.07)
    assert difference(gain) == "0 points (−6 to +7)"
    small = Estimate(value=-0.002, low=-0.0131, high=0.0004)
    assert difference(small) == "−0.2 points (−1.4 to +0.1)"
    log_loss = Estimate(value=1.0012, low=0.9, high=1.1)
    assert describe(log_loss, percent=False) == "1.00 (0.90–1.10)"
    small = Estimate(value=0.0004, low=0.0001, high=0.3)
    assert describe(small, percent=False) == "0.0004 (0.00–0.30)", "it is not 0"


def test_a_share_is_never_a_false_zero_or_hundred():
    assert [percent(value) for value in (0, 0.0003, 0.0005, 0.9994, 0.9996, 1)] == [
        "0 %",
        "under 0.1 %",
        "0.1 %",
        "99.9 %",
        "over 99.9 %",
        "100 %",
    ]


def test_halves_are_rounded_up_in_size():
    assert [rounded(value, 0) for value in (62.5, 63.5, 0.5, -2.5)] == ["63", "64", "1", "-3"]
    assert share(15 / 24) == "63 %" and percent(0.0625) == "6.3 %"
    assert rounded(93.45, 1) == "93.5" and rounded(28.749999999, 2) == "28.75"


def test_a_share_has_a_decimal_near_the_ends_only_where_it_says_something():
    shares = [share(value) for value in (0.0102, 0.00996, 0.0094, 0.9904, 0.9949, 0.85)]
    assert shares == ["1 %", "1 %", "0.9 %", "99 %", "99.5 %", "85 %"]
