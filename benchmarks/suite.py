"""Accuracy and time of the presets over a suite of data sets, compared pair by pair.

    python -m benchmarks.suite --datasets DIR --seeds 1,2,3
    python -m benchmarks.suite --datasets DIR --only sketches --presets quick,balanced
    python -m benchmarks.suite --datasets DIR --baseline ../tusker-before

DIR has one zip per data set. For each seed and set, each preset trains in a new process and a new
home, with an empty feature cache, on the same split. Seconds run from the start of the process to
the report, and from the report to the first file that may be downloaded; both are medians.

Differences are in points of test accuracy, between trainings with the same set and seed. Their mean
is that over the sets, each the mean of its seeds; its 95 % interval is Student's over the sets, or
over the seeds if there is one set. Sets differ more than seeds do, so seeds are no separate units.

`--recipe` adds the Keras recipe, which takes longer than all the rest. `--baseline` runs the same
in another checkout with the same Python (`git worktree add ../tusker-before REVISION` makes one).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean, median, stdev

from pydantic import TypeAdapter
from scipy.stats import t

from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core.jobs.workers import ROOT

RECIPE = "recipe"
BEFORE = "before: "
"""In front of the presets of the baseline."""
PRESETS = ("quick", "balanced", "best")
FIRST_FILE = 3.0
"""Required seconds from the report to the first verified file."""
QUICK_GAIN, QUICK_LOSS, BEST_GAIN = 1.0, -1.0, 2.0
"""Required points against the baseline: Quick on average, Quick on its worst set, the best preset
against Balanced."""


@dataclass(frozen=True)
class Trial:
    """One training; see `benchmarks.suite_trials.run_trial`."""

    dataset: str
    preset: str
    seed: int
    accuracy: float
    scored: float
    verified: float | None = None
    kept: bool | None = None


@dataclass(frozen=True)
class Difference:
    """Mean difference of two presets in points, with its 95 % interval, None for a single unit."""

    sets: dict[str, float]
    value: float
    low: float | None
    high: float | None


def run_trials(
    data: Path,
    seeds: Sequence[int],
    presets: Sequence[str],
    checkout: Path,
    backbone: str = backbones.DEFAULT,
) -> Iterable[Trial]:
    """Train on one data set in a checkout, and yield each training as it ends."""
    before = "" if checkout == ROOT else BEFORE
    program = Path(__file__).with_name("suite_trials.py")
    arguments = ["--seeds", ",".join(map(str, seeds)), "--presets", ",".join(presets)]
    arguments += ["--backbone", backbone]
    process = subprocess.Popen(
        # -P: this folder must not be on the path, since `core` is that of the checkout.
        [sys.executable, "-P", str(program), str(data.resolve()), *arguments],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": str(checkout)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            values = json.loads(line)
            values |= {"dataset": data.stem, "preset": before + values["preset"]}
            yield TypeAdapter(Trial).validate_python(values)
        if process.wait():
            raise SystemExit(f"The trainings on {data.name} in {checkout} failed.")
    finally:
        process.kill()


def difference(trials: Iterable[Trial], second: str, first: str) -> Difference | None:
    """Second preset minus first, over the sets and seeds that have both; None without any."""
    by_key = {(trial.dataset, trial.seed, trial.preset): trial.accuracy for trial in trials}
    pairs: dict[str, list[float]] = {}
    for (dataset, seed, preset), accuracy in by_key.items():
        if preset == second and (before := by_key.get((dataset, seed, first))) is not None:
            pairs.setdefault(dataset, []).append(100 * (accuracy - before))
    if not pairs:
        return None
    sets = {dataset: mean(values) for dataset, values in pairs.items()}
    units = list(sets.values()) if len(sets) > 1 else next(iter(pairs.values()))
    value, count = mean(units), len(units)
    if count == 1:
        return Difference(sets, value, None, None)
    half = float(t.ppf(0.975, count - 1)) * stdev(units) / count**0.5
    return Difference(sets, value, value - half, value + half)


def figures(trials: Sequence[Trial]) -> dict[str, Figure]:
    """The measured values, with the required ones."""
    names = list(dict.fromkeys(trial.preset for trial in trials))
    sets = list(dict.fromkeys(trial.dataset for trial in trials))

    def of(preset: str, dataset: str | None = None) -> list[Trial]:
        return [t for t in trials if t.preset == preset and dataset in (None, t.dataset)]

    shown: dict[str, Figure] = {}
    for name in names:
        accuracies = []
        for dataset in sets:
            if of_set := of(name, dataset):
                accuracies.append(100 * mean(trial.accuracy for trial in of_set))
                shown[f"{name}: {dataset}: %"] = Figure(accuracies[-1])
        shown[f"{name}: mean over sets: %"] = Figure(mean(accuracies))
        shown[f"{name}: s to a scored model"] = Figure(median(t.scored for t in of(name)))
        tuned = [trial.kept for trial in of(name) if trial.kept is not None]
        if tuned:
            shown[f"{name}: share of trainings that kept fine-tuning"] = Figure(mean(tuned))
        verified = [trial.verified for trial in of(name) if trial.verified is not None]
        if verified:
            bound = None if name.startswith(BEFORE) else FIRST_FILE
            seconds = Figure(median(verified), at_most=bound)
            shown[f"{name}: s from report to first verified file"] = seconds
    for second, first, at_least in _comparisons(names):
        if (found_difference := difference(trials, second, first)) is None:
            continue
        label = f"{second} minus {first}: points"
        shown[label] = Figure(round(found_difference.value, 6), at_least=at_least)
        if found_difference.low is not None:
            shown[f"{label}, from"] = Figure(found_difference.low)
            shown[f"{label}, to"] = Figure(found_difference.high)
        worst = min(found_difference.sets.values())
        is_quick = (second, first) == ("quick", f"{BEFORE}quick")
        bound = QUICK_LOSS if is_quick else None
        shown[f"{label}, worst set"] = Figure(round(worst, 6), at_least=bound)
    return shown


def _comparisons(names: Iterable[str]) -> list[tuple[str, str, float | None]]:
    """Which presets are compared, second minus first, with the required points."""
    present = [name for name in (RECIPE, *PRESETS) if name in names]
    best = PRESETS[-1]
    pairs = [*combinations(present, 2), *((f"{BEFORE}{name}", name) for name in present)]
    pairs.append((f"{BEFORE}balanced", best))
    required = {
        ("quick", "balanced"): 0.0,
        (f"{BEFORE}quick", "quick"): QUICK_GAIN,
        (f"{BEFORE}balanced", best): BEST_GAIN,
    }
    return [(second, first, required.get((first, second))) for first, second in pairs]


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print accuracies, seconds and differences."""
    parser = argument_parser(__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="folder of zips")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--only", action="append", help="name of a data set; may be repeated")
    parser.add_argument("--presets", default=",".join(PRESETS))
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--recipe", action="store_true", help="with the Keras recipe")
    parser.add_argument("--baseline", type=Path, help="another checkout to compare with")
    options = parser.parse_args(arguments)
    zips = sorted(options.datasets.glob("*.zip"))
    if options.only:
        zips = [path for path in zips if path.stem in options.only]
    if not zips:
        parser.error(f"Expected zips in {options.datasets}, found none of that name.")
    seeds = [int(seed) for seed in options.seeds.split(",")]
    presets = options.presets.split(",")
    trials: list[Trial] = []
    for data in zips:
        runs = [(ROOT, [*presets, RECIPE] if options.recipe else presets)]
        if options.baseline:
            runs.append((options.baseline.resolve(), presets))
        for checkout, names in runs:
            for trial in run_trials(data, seeds, names, checkout, options.backbone):
                trials.append(trial)
                print(
                    f"{trial.dataset}, seed {trial.seed}, {trial.preset}: "
                    f"{100 * trial.accuracy:.1f} % after {trial.scored:.1f} s",
                    file=sys.stderr,
                )
    return show(figures(trials), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
