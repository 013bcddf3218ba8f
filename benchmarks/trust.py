"""Whether scores, intervals and probabilities of a report can be trusted.

    python -m benchmarks.trust
    python -m benchmarks.trust --datasets FOLDER --only sets --splits 40

The datasets are zips in a folder: `TUSKER_TEST_DATASETS` or `../shared/datasets` by default.

- planted leaks: copies of pictures (mirrored, cropped, resized, compressed) are planted in a
  dataset, which is split with ten seeds; how many copies are in another split than their original.
- coverage: how often 95 % intervals of the accuracy contain the truth, for single pictures and
  bursts, over accuracies of 0.7 to 0.98, correlations within bursts of 0 to 0.9, and 10 to 200
  groups; the mean over all cells, the lowest cell, and the mean width. Bursts are beta-binomial, or
  have a latent difficulty and a threshold.
- calibration error and false alarms: on held-out pictures, after trainings with the Quick preset.
  The OOD detector promises that `core.model.ood.IN_DISTRIBUTION_SHARE` of its classes pass.
- sets: coverage of prediction sets on the test pictures of Quick trainings, each with another
  split, against their promise (`benchmarks/set_coverage.py`).
- labels: precision and recall of the search for wrong labels, 5 % and 10 % planted at random or
  among confusable classes, in single pictures and in bursts (`benchmarks/planted_labels.py`). Wrong
  labels that the datasets have anyway count against precision.
- duplicates: recall of planted near-duplicates, and time and memory of the search for them
  (`benchmarks/duplicates.py`).
"""

import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.stats import norm

from benchmarks import duplicates, jobs, planted_labels, set_coverage
from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure, argument_parser, show
from core import runs
from core.dataset import split
from core.evaluation import intervals
from core.model import ood
from core.pipeline import training_job
from core.settings import Settings
from core.training import config

PLANTED, SPLITS = 30, 10
"""Copied pictures per dataset, and seeds to split it with."""
BURSTS: dict[str, int | None] = {
    "singles": 1,
    "bursts of 3": 3,
    "bursts of 10": 10,
    "bursts of 30": 30,
    "bursts of 1 to 40": None,
}
ACCURACIES = (0.7, 0.8, 0.9, 0.95, 0.98)
CORRELATIONS = (0.0, 0.1, 0.3, 0.6, 0.9)
GROUPS = (10, 20, 50, 200)
LOW, HIGH = 0.93, 0.97
DATASETS = Path(os.environ.get("TUSKER_TEST_DATASETS") or "../shared/datasets")
LABELLED = 4
"""Datasets among which wrong labels are planted."""
PARTS = ("intervals", "trainings", "sets", "labels", "duplicates")
CALIBRATION = 0.1
FALSE_ALARMS = 0.05
"""Largest difference to the promised share, in the mean over datasets."""
COPIES: tuple[Callable[[Image.Image], Image.Image], ...] = (
    ImageOps.mirror,
    lambda picture: picture.crop((4, 3, picture.width - 2, picture.height - 4)),
    lambda picture: picture.resize((round(picture.width * 0.7), round(picture.height * 0.7))),
    lambda picture: picture,
)


def planted_leaks(imported: ImportedDataset, scratch: Path, settings: Settings) -> int:
    """Number of copies that are in another split than their original, over all seeds."""
    random = np.random.default_rng(0)
    examples = imported.dataset.examples
    chosen = random.choice(len(examples), min(PLANTED, len(examples)), replace=False).tolist()
    folder = scratch / "planted"
    for number, example in enumerate(examples):
        target = folder / imported.dataset.classes[example.label] / f"{number}-original.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((imported.pictures / example.path).read_bytes())
        if number in chosen:
            with Image.open(io.BytesIO(target.read_bytes())) as picture:
                copy = COPIES[chosen.index(number) % len(COPIES)](picture.convert("RGB"))
            copy.save(target.with_name(f"{number}-copy.jpg"), quality=70)
    dataset = jobs.take_in(folder, scratch / "planted intake", settings).dataset
    leaks = 0
    for seed in range(SPLITS):
        splits: dict[str, set[str | None]] = {}
        for example in split(dataset, validation=0.15, test=0.15, seed=seed).examples:
            original = Path(example.name).name.partition("-")[0]
            splits.setdefault(original, set()).add(example.split)
        leaks += sum(len(of_picture) > 1 for of_picture in splits.values())
    return leaks


def coverage(burst: int | None, rounds: int) -> Iterator[tuple[float, float]]:
    """Coverage and mean width of 95 % intervals, for each cell of the simulation.

    Args:
        burst: pictures per group; None for sizes that differ.
        rounds: test sets per cell.
    """
    random = np.random.default_rng(0)
    for latent in (False, True):
        for accuracy in ACCURACIES:
            for correlation in CORRELATIONS if burst != 1 else (0.0,):
                for count in GROUPS:
                    hits, width = 0, 0.0
                    for _ in range(rounds):
                        chances = _chances(random, accuracy, correlation, count, latent=latent)
                        sizes = random.geometric(0.1, count).clip(1, 40) if burst is None else burst
                        groups = np.repeat(np.arange(count), sizes)
                        correct = random.random(len(groups)) < chances[groups]
                        interval = intervals.share(correct, groups)
                        hits += interval.low <= accuracy <= interval.high
                        width += interval.high - interval.low
                    yield hits / rounds, width / rounds


def _chances(
    random: np.random.Generator, accuracy: float, correlation: float, count: int, *, latent: bool
) -> np.ndarray:
    """Accuracy in each of `count` groups."""
    if correlation == 0:
        return np.full(count, accuracy)
    if latent:
        shift = np.sqrt(correlation) * random.standard_normal(count)
        chances: np.ndarray = norm.cdf((norm.ppf(accuracy) - shift) / np.sqrt(1 - correlation))
        return chances
    scale = 1 / correlation - 1
    return random.beta(accuracy * scale, (1 - accuracy) * scale, count)


def coverage_figures(rounds: int) -> dict[str, Figure]:
    """Coverage and width by the size of bursts."""
    figures: dict[str, Figure] = {}
    for name, burst in BURSTS.items():
        covered, widths = np.transpose(list(coverage(burst, rounds)))
        figures |= {
            f"coverage of 95 % intervals, {name}": Figure(
                float(covered.mean()), at_least=LOW, at_most=HIGH
            ),
            f"coverage, {name}: lowest cell": Figure(float(covered.min())),
            f"coverage, {name}: share of cells below {LOW:g}": Figure(
                float((covered < LOW).mean())
            ),
            f"width of 95 % intervals, {name}": Figure(float(widths.mean())),
        }
    return figures


def held_out(
    imported: ImportedDataset, settings: Settings, backbone: str, seed: int
) -> tuple[float, float]:
    """Calibration error and share of false alarms on the test pictures of a Quick training."""
    run = runs.create(
        config.preset("quick", backbone=backbone, seed=seed),
        imported.dataset,
        runs.new_path(settings),
    )
    training_job.train(run, imported.pictures, settings, lambda _: None)
    certainty, scores = run.report().certainty, run.ood_scores()
    error = certainty.as_used.error.value
    return error, np.nan if scores is None else scores.false_alarms.value


def figures(
    sets: Mapping[str, ImportedDataset],
    scratch: Path,
    settings: Settings,
    backbone: str,
    seeds: int,
) -> dict[str, Figure]:
    """Leaks, calibration error and false alarms, by dataset and in the mean."""
    shown: dict[str, Figure] = {}
    measured = []
    for name, imported in sets.items():
        leaks = planted_leaks(imported, scratch / name, settings)
        shown[f"{name}: planted leaks across splits"] = Figure(leaks, at_most=0)
        pairs = [held_out(imported, settings, backbone, seed) for seed in range(seeds)]
        error, alarms = np.nanmean(pairs, axis=0).tolist()
        shown[f"{name}: calibration error"] = Figure(error)
        shown[f"{name}: false alarms"] = Figure(alarms)
        measured.append((error, alarms))
    error, alarms = np.nanmean(measured, axis=0).tolist()
    promised = 1 - ood.IN_DISTRIBUTION_SHARE
    shown |= {
        "mean calibration error": Figure(error, at_most=CALIBRATION),
        "false alarms, promised": Figure(promised),
        "false alarms, measured": Figure(alarms, at_most=promised + FALSE_ALARMS),
    }
    return shown


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the figures."""
    parser = argument_parser(__doc__)
    parser.add_argument("--datasets", type=Path, default=DATASETS, help="folder of zips")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--seeds", type=int, default=1, help="trainings per dataset")
    parser.add_argument("--splits", type=int, default=20, help="per dataset, for sets")
    parser.add_argument("--rounds", type=int, default=200, help="test sets per cell")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="PART",
        help=f"some of {', '.join(PARTS)}",
    )
    options = parser.parse_args(arguments)
    measured: dict[str, Figure] = {}
    zips = sorted(options.datasets.glob("*.zip"))
    if not zips and options.only != ["intervals"]:
        parser.error(f"Expected zips in {options.datasets}, found none. Give --datasets.")
    with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
        scratch = Path(folder)
        settings = jobs.new_home(scratch / "home")
        sets: dict[str, ImportedDataset] = {}
        if {"trainings", "sets", "labels"}.intersection(options.only):
            sets = {
                source.stem: jobs.take_in(source, scratch / source.stem / "intake", settings)
                for source in zips
            }
        if "intervals" in options.only:
            measured |= coverage_figures(options.rounds)
        if "trainings" in options.only:
            measured |= figures(sets, scratch, settings, options.backbone, options.seeds)
        if "sets" in options.only:
            for name, imported in sets.items():
                measured |= set_coverage.figures(
                    name, imported, settings, options.backbone, options.splits
                )
        if "labels" in options.only:
            planted: dict[str, Figure] = {}
            for name, imported in list(sets.items())[:LABELLED]:
                planted |= planted_labels.figures(name, imported, settings, options.backbone)
            measured |= planted | planted_labels.means(planted)
        if "duplicates" in options.only:
            measured |= duplicates.recall(zips, scratch)
            measured |= duplicates.scaling("generated pictures", duplicates.GENERATED)
    return show(measured, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
