"""Presets compared with the Keras transfer-learning recipe: training time and accuracy.

    python -m benchmarks.training --data ants_bees.zip --backbone efficientnet-lite0 --seeds 3
    python -m benchmarks.training --data ants_bees.zip --backbone resnet50 --random

For each seed, one after the other: `benchmarks.recipe`, Quick and Best, each in a new process,
on the same pictures and the same split. Time runs from the start of the process, imports included,

* for the recipe until the test set is evaluated: `frozen` after its first phase, `whole` after
  both, without the first evaluation;
* for Tusker until the model is evaluated and its report is written. Exports are counted separately.

The feature cache is empty. Measurements of the machine are made in the first training and kept.
TensorFlow is started once before, so that its files are in the system's cache.

Seconds are medians over the seeds, ratios are medians of the seeds' ratios, accuracies are means.
`sooner` compares the recipe's time to its last epoch with the time until Quick or Best reports
at least the same validation accuracy; it is 0 for a seed where neither does. With `--random` the
weights of the backbone are random, and only the times are meaningful.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks import jobs
from benchmarks.jobs import ImportedDataset, Trained
from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core import dataset as datasets
from core.dataset import Dataset, Split
from core.jobs.events import Epoch, Event, Kept
from core.settings import Settings
from core.training import config as configuration
from core.training.config import PresetName, TrainingConfig

PRESETS: tuple[PresetName, ...] = ("quick", "best")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
WARM_UP = "core.backbones.build"


@dataclass(frozen=True)
class Recipe:
    """One training with the recipe, in seconds since the start of its process.

    Attributes:
        start: until all imports are done.
        frozen: until the test set is evaluated after the first phase.
        last_epoch: until the last epoch is validated, without the first evaluation.
        whole: until the test set is evaluated after the second phase, without the first
            evaluation.
    """

    start: float
    frozen: float
    last_epoch: float
    whole: float
    frozen_accuracy: float
    validation_accuracy: float
    accuracy: float

    @classmethod
    def parse(cls, began: float, lines: Iterable[str]) -> Recipe:
        """Parse the output of `benchmarks.recipe`; of several lines of a kind the last counts."""
        at: dict[str, float] = {}
        accuracy: dict[str, float] = {}
        for line in lines:
            event = json.loads(line)
            at[event["what"]] = event["at"] - began
            accuracy[event["what"]] = event.get("accuracy", 0.0)
        scoring = at["frozen scored"] - at["frozen fitted"]
        return cls(
            start=at["imported"],
            frozen=at["frozen scored"],
            last_epoch=at["tuned epoch"] - scoring,
            whole=at["tuned scored"] - scoring,
            frozen_accuracy=accuracy["frozen scored"],
            validation_accuracy=accuracy["tuned epoch"],
            accuracy=accuracy["tuned scored"],
        )


@dataclass(frozen=True)
class Tusker:
    """One training with a preset, in seconds since the start of its process.

    Attributes:
        start: until the first event.
        scored: until the report is written.
        followed: from then until the process has ended.
        accuracies: pairs of time and validation accuracy.
        accuracy: on the test set, from the report.
    """

    start: float
    scored: float
    followed: float
    accuracies: tuple[tuple[float, float], ...]
    accuracy: float

    @classmethod
    def of(cls, trained: Trained) -> Tusker:
        """The times and accuracies of a finished run."""
        return cls(
            start=trained.first_event,
            scored=trained.scored,
            followed=trained.ended - trained.scored,
            accuracies=tuple(_accuracies(trained.run.events(), trained.began)),
            accuracy=trained.run.report().accuracy.value,
        )

    def reached(self, accuracy: float) -> float | None:
        """Seconds until a validation accuracy was first reached; None if it was not."""
        return next((at for at, value in self.accuracies if value >= accuracy), None)


@dataclass(frozen=True)
class Trial:
    """The three trainings with one seed."""

    recipe: Recipe
    quick: Tusker
    best: Tusker

    @property
    def sooner(self) -> float:
        """How many times sooner the recipe's validation accuracy was reached; 0 if it was not."""
        accuracy = self.recipe.validation_accuracy
        times = [preset.reached(accuracy) for preset in (self.quick, self.best)]
        first = min((at for at in times if at is not None), default=None)
        return 0.0 if first is None else self.recipe.last_epoch / first


@dataclass(frozen=True)
class Required:
    """Required ratios."""

    quick: float
    best: float | None
    sooner: float | None


TRAINED = Required(quick=15, best=6, sooner=12)
RANDOM = Required(quick=5, best=None, sooner=None)


def _accuracies(events: Iterable[Event], began: float) -> Iterable[tuple[float, float]]:
    for event in events:
        if isinstance(event, Epoch | Kept) and event.validation_accuracy is not None:
            yield event.at - began, event.validation_accuracy


def lay_out(dataset: Dataset, pictures: Path, folder: Path) -> None:
    """Link the pictures of a split dataset into FOLDER/split/class for the recipe."""
    for split in SPLITS:
        for label in range(len(dataset.classes)):  # Keras sorts the folders by name
            (folder / split / f"{label:04d}").mkdir(parents=True)
        for number, example in enumerate(dataset.of(split)):
            # Keras looks at the suffix, and decodes by content.
            link = folder / split / f"{example.label:04d}" / f"{number:06d}.jpg"
            link.symlink_to((pictures / example.path).resolve())


def follow_recipe(
    imported: ImportedDataset, config: TrainingConfig, settings: Settings, folder: Path
) -> Recipe:
    """Train the network of a configuration with the recipe, on the same split."""
    dataset = datasets.split(
        imported.dataset, validation=config.validation, test=config.test, seed=config.seed
    )
    lay_out(dataset, imported.pictures, folder)
    stages = backbones.get(config.backbone).stages
    cut = stages[len(stages) - 1 - config.unfreeze.stages].layer
    began = time.time()
    output = jobs.run(
        "benchmarks.recipe",
        *(str(folder), "--backbone", config.backbone, "--cut", cut, "--seed", str(config.seed)),
        settings=settings,
    )
    return Recipe.parse(began, output.splitlines())


def run_trial(
    imported: ImportedDataset, backbone: str, seed: int, folder: Path, say: Callable[[str], None]
) -> Trial:
    """Train with the recipe and with each preset; the order depends on the seed."""
    prepared = folder / "prepared"
    recipes: list[Recipe] = []
    presets: dict[str, Tusker] = {}
    names = ("recipe", *PRESETS)
    for name in names[seed % len(names) :] + names[: seed % len(names)]:
        say(f"Seed {seed}: {name}.")
        home = jobs.new_home(folder / f"{name}-{seed}", prepared)
        if name == "recipe":
            config = configuration.preset("best", backbone=backbone, seed=seed)
            recipes.append(follow_recipe(imported, config, home, home.home / "pictures"))
            continue
        config = configuration.preset(name, backbone=backbone, seed=seed)
        presets[name] = Tusker.of(jobs.train(imported, config, home))
        jobs.keep_measurements(home, prepared)
    return Trial(recipes[0], presets["quick"], presets["best"])


def figures(trials: Sequence[Trial], *, random: bool) -> dict[str, Figure]:
    """The measured values, with the required ones."""
    required = RANDOM if random else TRAINED

    def middle(value: Callable[[Trial], float]) -> float:
        return median(map(value, trials))

    shown = {
        "recipe: seconds to start": Figure(middle(lambda t: t.recipe.start)),
        "recipe: seconds, frozen": Figure(middle(lambda t: t.recipe.frozen)),
        "recipe: seconds, whole": Figure(middle(lambda t: t.recipe.whole)),
    }
    for name in PRESETS:

        def of(trial: Trial, name: str = name) -> Tusker:
            return getattr(trial, name)

        shown |= {
            f"{name}: seconds to start": Figure(middle(lambda t: of(t).start)),
            f"{name}: seconds to an evaluated model": Figure(middle(lambda t: of(t).scored)),
            f"{name}: seconds after the report": Figure(middle(lambda t: of(t).followed)),
        }
    shown |= {
        "quick_ratio": Figure(
            middle(lambda t: t.recipe.frozen / t.quick.scored), at_least=required.quick
        ),
        "best_ratio": Figure(
            middle(lambda t: t.recipe.whole / t.best.scored), at_least=required.best
        ),
        "quick_ratio without startup": Figure(
            middle(lambda t: _worked(t.recipe.frozen - t.recipe.start, t.quick))
        ),
        "best_ratio without startup": Figure(
            middle(lambda t: _worked(t.recipe.whole - t.recipe.start, t.best))
        ),
    }
    return shown if random else shown | _accuracy_figures(trials, required)


def _worked(seconds: float, trained: Tusker) -> float:
    return seconds / (trained.scored - trained.start)


def _accuracy_figures(trials: Sequence[Trial], required: Required) -> dict[str, Figure]:
    def average(value: Callable[[Trial], float]) -> float:
        return mean(map(value, trials))

    frozen = average(lambda t: t.recipe.frozen_accuracy)
    final = average(lambda t: t.recipe.accuracy)
    quick = average(lambda t: t.quick.accuracy)
    best = average(lambda t: t.best.accuracy)
    sooner = median(trial.sooner for trial in trials)
    reached = sum(trial.sooner > 0 for trial in trials)
    return {
        "recipe: test accuracy, frozen": Figure(frozen),
        "recipe: test accuracy, final": Figure(final),
        "quick: test accuracy": Figure(quick),
        "best: test accuracy": Figure(best),
        # Rounded: the last bit depends on the order of the sum.
        "quick minus frozen": Figure(round(quick - frozen, 6), at_least=0.0),
        "best minus final": Figure(round(best - final, 6), at_least=-0.01),
        "sooner": Figure(sooner or None, at_least=required.sooner),
        "seeds that reached the recipe's final validation accuracy": Figure(reached),
    }


def warm_up(settings: Settings) -> None:
    """Bring TensorFlow's files into the system's cache."""
    jobs.run(WARM_UP, settings=settings)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print medians and means."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a zip of class folders")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--random", action="store_true", help="random weights: times only")
    options = parser.parse_args(arguments)

    def say(sentence: str) -> None:
        if not options.json:
            print(sentence, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        prepared = jobs.new_home(folder / "prepared")
        imported = jobs.take_in(options.data, folder / "intake", prepared)
        say(
            f"{len(imported.dataset.examples)} pictures of {len(imported.dataset.classes)} classes."
        )
        jobs.prepare(options.backbone, prepared, random=options.random)
        for alternative in configuration.preset("best", backbone=options.backbone).alternatives:
            jobs.prepare(alternative, prepared)
        warm_up(prepared)
        trials = [
            run_trial(imported, options.backbone, seed, folder, say)
            for seed in range(options.seeds)
        ]
    return show(figures(trials, random=options.random), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
