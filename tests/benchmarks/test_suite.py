"""The presets compared over data sets and seeds."""

import functools
from pathlib import Path

import pytest

from benchmarks import suite
from benchmarks.suite import BEFORE, Trial

ACCURACIES = {"a": (0.80, 0.84), "b": (0.60, 0.66), "c": (0.90, 0.90)}
"""Quick and Balanced, by data set."""


def trials(*, before=0.0):
    given_trials = []
    for dataset, accuracies in ACCURACIES.items():
        for preset, accuracy in zip(("quick", "balanced"), accuracies, strict=True):
            for seed, shift in ((1, -0.01), (2, 0.01)):
                trial = Trial(dataset, preset, seed, accuracy + shift, 4.0 + seed, 1.0, kept=None)
                given_trials.append(trial)
                if before:
                    earlier = Trial(dataset, BEFORE + preset, seed, accuracy + shift - before, 9.0)
                    given_trials.append(earlier)
    return given_trials


def test_a_difference_is_the_mean_over_sets_with_students_interval():
    given_trials = suite.difference(trials(), "balanced", "quick")
    assert given_trials.sets == pytest.approx({"a": 4, "b": 6, "c": 0})
    assert given_trials.value == pytest.approx(10 / 3)
    # t(0.975, 2) = 4.3027, standard deviation of 4, 6 and 0: 3.0551
    assert given_trials.high - given_trials.value == pytest.approx(
        4.3027 * 3.0551 / 3**0.5, rel=1e-3
    )
    assert given_trials.value - given_trials.low == pytest.approx(
        given_trials.high - given_trials.value
    )


def test_with_one_set_the_interval_is_over_seeds():
    accuracies = [(1, 0.5, 0.52), (2, 0.6, 0.64)]
    given_trials = [
        Trial("a", preset, seed, accuracy, 1.0)
        for seed, *pair in accuracies
        for preset, accuracy in zip(("quick", "balanced"), pair, strict=True)
    ]
    assert suite.difference(given_trials, "balanced", "quick").value == pytest.approx(3)
    assert suite.difference(given_trials, "balanced", "quick").high == pytest.approx(
        3 + 12.706, abs=0.01
    )
    single = suite.difference(given_trials[:2], "balanced", "quick")
    assert (single.low, single.high) == (None, None)


def test_a_training_without_its_counterpart_is_left_out():
    given_trials = [trial for trial in trials() if trial.dataset != "a" or trial.preset == "quick"]
    assert set(suite.difference(given_trials, "balanced", "quick").sets) == {"b", "c"}
    assert suite.difference(given_trials, "best", "quick") is None


def test_balanced_has_to_beat_quick_and_files_have_to_be_ready():
    figures = suite.figures(trials())
    assert figures["balanced minus quick: points"].at_least == 0
    assert figures["balanced: mean over sets: %"].value == pytest.approx(80)
    assert figures["quick: b: %"].value == pytest.approx(60)
    assert figures["quick: s to a scored model"].value == 5.5
    assert all(figure.within_bounds for figure in figures.values())
    worse = [
        Trial("a", preset, 1, accuracy, 1.0, 3.5)
        for preset, accuracy in (("quick", 0.9), ("balanced", 0.89))
    ]
    failed = {name for name, figure in suite.figures(worse).items() if not figure.within_bounds}
    assert failed == {
        "balanced minus quick: points",
        "quick: s from report to first verified file",
        "balanced: s from report to first verified file",
    }


@pytest.mark.parametrize(("gain", "passed"), [(0.012, True), (0.008, False)])
def test_quick_has_to_beat_the_quick_of_the_baseline_by_a_point(gain, passed):
    figures = suite.figures(trials(before=gain))
    name = f"quick minus {BEFORE}quick: points"
    assert figures[name].value == pytest.approx(100 * gain)
    assert figures[name].within_bounds is passed
    assert figures[f"{name}, worst set"].at_least == -1
    assert figures[f"balanced minus {BEFORE}balanced: points"].at_least is None


OTHER = """
import json, sys
row = {"preset": "quick", "seed": 1, "accuracy": 0.9, "scored": 4.5, "kept": None}
print(json.dumps(row | {"verified": float(sys.argv[3] == "1,2")}))
sys.exit(int("spoiled" in sys.argv[1]))
"""
"""A `benchmarks` package of another checkout, which answers as soon as it is imported."""


def test_a_baseline_is_measured_by_the_modules_of_its_checkout(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text(OTHER)
    run = functools.partial(suite.run_trials, seeds=[1, 2], presets=["quick"], checkout=tmp_path)
    (trial,) = run(Path("flowers.zip"))
    assert trial == Trial("flowers", f"{BEFORE}quick", 1, 0.9, 4.5, 1.0)
    with pytest.raises(SystemExit, match=r"spoiled\.zip"):
        list(run(Path("spoiled.zip")))
