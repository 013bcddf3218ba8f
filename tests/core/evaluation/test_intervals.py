import numpy as np
import pytest
from scipy import stats

from core.evaluation import intervals, metrics


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 30), (143, 153), (30, 30)])
def test_wilson_equals_scipy(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    low, high = intervals.wilson(successes, trials)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_trials_the_bounds_are_0_and_1():
    low, high = intervals.wilson([0], [0])
    assert (low[0], high[0]) == (0, 1)


def test_the_interval_of_f1_follows_from_that_of_the_jaccard_index():
    low, high = intervals.wilson(8, 10)
    assert intervals.wilson_f1(8, 2) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert intervals.wilson_f1(5, 0)[1] == 1
    assert intervals.wilson_f1(5, 0)[0] < 0.9


def test_a_paired_difference_has_a_narrow_interval():
    same = intervals.paired_difference(0, 0, 200)
    assert same.value == 0 and same.high < 0.02
    better = intervals.paired_difference(30, 10, 200)
    assert better.value == 0.1 and 0 < better.low < better.high < 0.2


def test_the_bootstrap_does_not_depend_on_its_chunks(monkeypatch):
    values = np.random.default_rng(0).normal(size=50)

    def draw():
        return intervals.bootstrap(50, lambda rows: values[rows].mean(axis=1), seed=1)

    whole = draw()
    monkeypatch.setattr(intervals, "CHUNK", 300)
    assert np.array_equal(draw(), whole)
    assert whole.std() == pytest.approx(values.std() / np.sqrt(50), rel=0.1)


def test_resampling_keeps_the_number_of_pictures_of_every_class():
    counts = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])
    drawn = metrics.resample(counts, seed=0, resamples=2000)
    assert (drawn.support == [10, 5, 0]).all()
    assert (drawn.predicted.sum(axis=1) == 15).all()
    assert (drawn.hits[:, 1] == 5).all()
    assert drawn.hits[:, 0].mean() == pytest.approx(8, abs=0.15)
    assert drawn.hits[:, 0].std() == pytest.approx(np.sqrt(10 * 0.8 * 0.2), rel=0.1)


def test_without_mistakes_the_interval_still_allows_some():
    balanced, macro, weighted = metrics.average(np.diag([3, 3]), seed=0)
    for estimate in (balanced, macro.precision, macro.f1, weighted.precision, weighted.recall):
        assert estimate.value == estimate.high == 1
        assert estimate.low < 0.8


def test_more_pictures_make_narrower_intervals():
    small = metrics.average(np.array([[9, 1], [1, 9]]), seed=0)[1].f1
    large = metrics.average(np.array([[900, 100], [100, 900]]), seed=0)[1].f1
    assert small.value == large.value
    assert small.high - small.low > 5 * (large.high - large.low)


def test_intervals_of_macro_f1_contain_the_truth_as_often_as_they_should():
    generator = np.random.default_rng(0)
    shares = np.array([[0.9, 0.08, 0.02], [0.1, 0.85, 0.05], [0.0, 0.1, 0.9]])
    support = np.array([40, 25, 15])
    truth = metrics.mean(metrics.count(1_000_000 * shares * support[:, None]), "f1", "macro")
    held = 0
    for trial in range(200):
        counts = np.array(
            [generator.multinomial(n, row) for n, row in zip(support, shares, strict=True)]
        )
        found = metrics.average(counts, seed=trial)[1].f1
        held += found.low <= truth <= found.high
    assert held >= 0.91 * 200
