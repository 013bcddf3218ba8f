import numpy as np
import pytest
from scipy import stats

from core.evaluation import evaluate, intervals, metrics
from core.evaluation.calibration import Predictions


@pytest.mark.parametrize(("successes", "trials"), [(0, 1), (1, 1), (0, 30), (143, 153), (30, 30)])
def test_wilson_equals_scipy(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    low, high = intervals.wilson(successes, trials)
    assert (float(low), float(high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_trials_the_bounds_are_0_and_1():
    low, high = intervals.wilson([0], [0])
    assert (low[0], high[0]) == (0, 1)


def test_the_interval_of_f1_follows_from_that_of_the_jaccard_index():
    low, high = map(float, intervals.wilson(8, 10))
    assert intervals.wilson_f1(8, 2) == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert intervals.wilson_f1(5, 0)[1] == 1
    assert intervals.wilson_f1(5, 0)[0] < 0.9


def test_a_paired_difference_has_a_narrow_interval():
    groups = np.arange(200)
    same = intervals.accuracy_difference(np.zeros(200), groups)
    assert same.value == 0 and same.high < 0.02
    better = intervals.accuracy_difference(np.repeat([1, -1, 0], [30, 10, 160]), groups)
    assert better.value == 0.1 and 0 < better.low < better.high < 0.2


def test_a_bootstrap_draws_whole_groups():
    values, groups = np.repeat([0.0, 1.0], 50), np.arange(100) // 10
    draws = intervals.bootstrap(values, groups)
    assert set(np.round(10 * draws, 6)) <= set(range(11))
    assert draws.std() == pytest.approx(0.5 / np.sqrt(10), rel=0.1)


def test_pictures_without_groups_keep_their_interval():
    correct = np.arange(153) < 143
    for groups in (np.arange(153), np.random.default_rng(0).permutation(153)):
        assert intervals.design_effect(correct, groups) == pytest.approx(1, abs=1e-12)
        low, high = intervals.wilson(143, 153)
        interval = intervals.share(correct, groups)
        assert (interval.low, interval.high) == pytest.approx((float(low), float(high)), abs=1e-9)


def test_ten_scenes_of_ten_frames_are_worth_about_ten_pictures():
    scenes = np.arange(100) // 10
    low, high = map(float, intervals.wilson(8, 10))
    whole_scenes = intervals.share(scenes < 8, scenes)
    assert (whole_scenes.low, whole_scenes.high) == pytest.approx((low, high), abs=0.03)
    all_correct = intervals.share(np.ones(100), scenes)
    assert all_correct.low == pytest.approx(float(intervals.wilson(10, 10)[0]))
    spread = intervals.share(np.arange(100) % 10 < 8, scenes)  # two mistakes in every scene
    assert spread.high - spread.low < 0.7 * (whole_scenes.high - whole_scenes.low)


def burst_results(generator, model, accuracy, correlation, sizes):
    """Whether each picture of bursts is correct, with a correlation inside bursts."""
    if correlation == 0:
        chances = np.full(len(sizes), accuracy)
    elif model == "beta":
        scale = 1 / correlation - 1
        chances = generator.beta(accuracy * scale, (1 - accuracy) * scale, len(sizes))
    else:  # a latent difficulty per burst and per picture, and a threshold
        normal = stats.norm
        shift = np.sqrt(correlation) * generator.standard_normal(len(sizes))
        chances = normal.cdf((normal.ppf(accuracy) - shift) / np.sqrt(1 - correlation))
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return generator.random(len(groups)) < chances[groups], groups


@pytest.mark.parametrize(
    "burst", [10, *(pytest.param(length, marks=pytest.mark.slow) for length in (1, 3, 30))]
)
def test_95_percent_intervals_contain_the_truth_93_to_97_times_in_100(burst):
    generator, covered = np.random.default_rng(burst), []
    for model in ("beta", "latent"):
        for accuracy in (0.7, 0.85, 0.95):
            for correlation in (0.1, 0.3, 0.6, 0.9):
                for bursts in (12, 50):
                    for _ in range(60):
                        sizes = np.full(bursts, burst)
                        results = burst_results(generator, model, accuracy, correlation, sizes)
                        interval = intervals.share(*results)
                        covered.append(interval.low <= accuracy <= interval.high)
    assert len(covered) == 2_880
    assert 0.93 <= np.mean(covered) <= 0.975


def test_every_interval_of_a_report_is_wider_for_bursts_than_for_single_pictures():
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(40) % 4, 10)
    groups = np.repeat(np.arange(40), 10)
    probabilities = generator.dirichlet(np.ones(4), 40).repeat(10, axis=0)
    probabilities[np.arange(400), labels] += 1
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predictions = labels, probabilities, ("a", "b", "c", "d")
    single, burst = (
        evaluate(
            *predictions, validation=Predictions(*predictions[:2], groups), groups=group_numbers
        )
        for group_numbers in (None, groups)
    )

    def width(report, path):
        value = report
        for name in path.split("."):
            value = value[int(name)] if name.isdigit() else getattr(value, name)
        return value.high - value.low

    for path in (
        "accuracy",
        "balanced_accuracy",
        "top.0",
        "top.1",
        "macro.precision",
        "macro.recall",
        "macro.f1",
        "weighted.f1",
        "weighted.recall",
        "log_loss",
        "per_class.0.precision",
        "per_class.0.recall",
        "per_class.0.f1",
        "baseline.accuracy",
        "baseline.gain",
        "certainty.before.error",
        "certainty.before.bins.0.accuracy",
        "certainty.choices.0.error",
    ):
        assert width(burst, path) > 1.5 * width(single, path), path


def average(counts):
    ones = np.ones(len(counts))
    return metrics.average(counts, metrics.Effects(ones, ones, ones, 1.0))


def test_resampling_keeps_the_number_of_pictures_of_every_class():
    counts = np.array([[8, 2, 0], [0, 5, 0], [0, 0, 0]])
    labels, predicted = np.nonzero(counts)
    weights, support = counts[labels, predicted], counts.sum(axis=1)
    (drawn,) = metrics.resample(labels, [predicted], weights, support, np.ones(3))
    assert (drawn.support == [10, 5, 0]).all()
    assert (drawn.predicted.sum(axis=1) == 15).all()
    assert (drawn.hits[:, 1] == 5).all()
    assert drawn.hits[:, 0].mean() == pytest.approx(8, abs=0.15)
    assert drawn.hits[:, 0].std() == pytest.approx(np.sqrt(10 * 0.8 * 0.2), rel=0.1)


def test_without_mistakes_the_interval_still_allows_some():
    balanced, macro, weighted = average(np.diag([3, 3]))
    for estimate in (balanced, macro.precision, macro.f1, weighted.precision, weighted.recall):
        assert estimate.value == estimate.high == 1
        assert estimate.low < 0.8


def test_intervals_of_macro_f1_contain_the_truth_as_often_as_they_should():
    generator = np.random.default_rng(0)
    shares = np.array([[0.9, 0.08, 0.02], [0.1, 0.85, 0.05], [0.0, 0.1, 0.9]])
    support = np.array([40, 25, 15])
    truth = metrics.mean(metrics.class_counts(1_000_000 * shares * support[:, None]), "f1", "macro")
    covered = 0
    for _ in range(200):
        counts = np.array(
            [generator.multinomial(n, row) for n, row in zip(support, shares, strict=True)]
        )
        interval = average(counts)[1].f1
        covered += interval.low <= truth <= interval.high
    assert covered >= 0.91 * 200
