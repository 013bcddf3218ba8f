"""Tusker's presets against the usual Keras recipe: seconds to a scored model, and its accuracy.

    python -m benchmarks.training --data ants_bees.zip --backbone efficientnet-lite0 --seeds 3
    python -m benchmarks.training --data ants_bees.zip --backbone resnet50 --random

For each seed, in turn and never side by side: `benchmarks.recipe`, Quick and Balanced, each in a
fresh process, on the same pictures in the same split. The clock runs from the start of the
process, for imports are waited for too. It runs until

* the recipe has scored its test pictures: `frozen` after its first phase; `whole` after both,
  where the scoring of the first is taken off again;
* Tusker's model is scored and its report can be read. Exports follow; they are counted apart.

Tusker finds no features from before. What it measures of a machine once is measured in the first
training and kept. One start of TensorFlow, before all clocks, brings its files into memory.

Seconds are medians over the seeds, a ratio is the median of the seeds' ratios, and accuracies are
means. `sooner` compares the recipe's seconds to its last epoch with those until Quick or Balanced,
whichever is first, says a validation accuracy that is as high; a seed in which neither does counts
as 0. With `--random` the weights are random and only times mean anything.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from benchmarks import jobs
from benchmarks.jobs import Taken, Trained
from benchmarks.report import Figure, show
from core import backbones
from core import dataset as dataset_room
from core.dataset import Dataset, Split
from core.jobs.events import Epoch, Event, Kept
from core.settings import Settings
from core.training import config as configuration
from core.training.config import PresetName, TrainingConfig

PRESETS: tuple[PresetName, ...] = ("quick", "balanced")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
WARM_UP = "core.backbones.build"


@dataclass(frozen=True)
class TrainingContext:
    """One course of the usual recipe, in seconds since its process was started.

    Attributes:
        start: until everything was imported.
        frozen: until the test pictures were scored after the first phase.
        last_epoch: until the last epoch was validated; without that scoring.
        whole: until they were scored after the second phase; without that scoring.
    """

    start: float
    frozen: float
    last_epoch: float
    whole: float
    frozen_accuracy: float
    validation_accuracy: float
    accuracy: float

    @classmethod
    def told(cls, began: float, lines: Iterable[str]) -> TrainingContext:
        """Read the lines of `benchmarks.recipe`; of several of a kind the last counts."""
        at: dict[str, float] = {}
        accuracy: dict[str, float] = {}
        for line in lines:
            said = json.loads(line)
            at[said["what"]] = said["at"] - began
            accuracy[said["what"]] = said.get("accuracy", 0.0)
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
    """One training with a preset, in seconds since its process was started.

    Attributes:
        start: until it said something.
        scored: until its model could be used and its report be read.
        exported: from then on until its exports were made and the process was gone.
        accuracies: when it said which validation accuracy.
        accuracy: on the test pictures, by its report.
    """

    start: float
    scored: float
    exported: float
    accuracies: tuple[tuple[float, float], ...]
    accuracy: float

    @classmethod
    def of(cls, done: Trained) -> Tusker:
        """What is to be known of a finished run."""
        return cls(
            start=done.first_event,
            scored=done.scored,
            exported=done.ended - done.scored,
            accuracies=tuple(_accuracies(done.run.events(), done.began)),
            accuracy=done.run.report().accuracy.value,
        )

    def reached(self, accuracy: float) -> float | None:
        """Seconds until it first said such a validation accuracy, if it did."""
        return next((at for at, value in self.accuracies if value >= accuracy), None)


@dataclass(frozen=True)
class Course:
    """Everything that was trained with one seed."""

    context: TrainingContext
    quick: Tusker
    balanced: Tusker

    @property
    def sooner(self) -> float:
        """How many times sooner the recipe's final validation accuracy was reached; 0 if not."""
        wanted = self.recipe.validation_accuracy
        found = [trained.reached(wanted) for trained in (self.quick, self.balanced)]
        first = min((at for at in found if at is not None), default=None)
        return 0.0 if first is None else self.recipe.last_epoch / first


@dataclass(frozen=True)
class Asked:
    """Bounds of the ratios; without accuracies where weights are random."""

    quick: float
    balanced: float
    sooner: float | None


TRAINED = Asked(quick=15, balanced=6, sooner=12)
RANDOM = Asked(quick=5, balanced=4, sooner=None)


def _accuracies(events: Iterable[Event], began: float) -> Iterable[tuple[float, float]]:
    for event in events:
        if isinstance(event, Epoch | Kept) and event.validation_accuracy is not None:
            yield event.at - began, event.validation_accuracy


def lay_out(dataset: Dataset, pictures: Path, folder: Path) -> None:
    """Link the pictures of a split dataset into FOLDER/split/class, as the recipe reads them."""
    for split in SPLITS:
        for label in range(len(dataset.classes)):  # named so that their order is that of labels
            (folder / split / f"{label:04d}").mkdir(parents=True)
        for place, example in enumerate(dataset.of(split)):
            # Keras goes by the name which files are pictures, and by the content of which kind.
            link = folder / split / f"{example.label:04d}" / f"{place:06d}.jpg"
            link.symlink_to((pictures / example.path).resolve())


def follow_recipe(
    taken: Taken, asked: TrainingConfig, settings: Settings, folder: Path
) -> TrainingContext:
    """Train with the recipe what `asked` trains, on the split that it will have."""
    dataset = dataset_room.split(
        taken.dataset, validation=asked.validation, test=asked.test, seed=asked.seed
    )
    lay_out(dataset, taken.pictures, folder)
    stages = backbones.get(asked.backbone).stages
    cut = stages[len(stages) - 1 - asked.unfreeze.stages].layer
    began = time.time()
    said = jobs.said(
        "benchmarks.recipe",
        *(str(folder), "--backbone", asked.backbone, "--cut", cut, "--seed", str(asked.seed)),
        settings=settings,
    )
    return TrainingContext.told(began, said.splitlines())


def run_course(
    taken: Taken, backbone: str, seed: int, folder: Path, say: Callable[[str], None]
) -> Course:
    """Train once with the recipe and with each preset; each seed begins with another of them."""
    prepared = folder / "prepared"
    recipes: list[TrainingContext] = []
    found: dict[str, Tusker] = {}
    names = ("recipe", *PRESETS)
    for name in names[seed % len(names) :] + names[: seed % len(names)]:
        say(f"Seed {seed}: {name}.")
        home = jobs.new_home(folder / f"{name}-{seed}", prepared)
        if name == "recipe":
            asked = configuration.preset("balanced", backbone=backbone, seed=seed)
            recipes.append(follow_recipe(taken, asked, home, home.home / "pictures"))
            continue
        asked = configuration.preset(name, backbone=backbone, seed=seed)
        found[name] = Tusker.of(jobs.train(taken, asked, home))
        jobs.keep_measurements(home, prepared)
    return Course(recipes[0], found["quick"], found["balanced"])


def figures(courses: Sequence[Course], *, random: bool) -> dict[str, Figure]:
    """What was measured beside what is asked of it."""
    asked = RANDOM if random else TRAINED

    def middle(value: Callable[[Course], float]) -> float:
        return median(map(value, courses))

    found = {
        "recipe: seconds to its start": Figure(middle(lambda c: c.recipe.start)),
        "recipe: seconds, frozen": Figure(middle(lambda c: c.recipe.frozen)),
        "recipe: seconds, whole": Figure(middle(lambda c: c.recipe.whole)),
    }
    for name in PRESETS:

        def of(course: Course, name: str = name) -> Tusker:
            return getattr(course, name)

        found |= {
            f"{name}: seconds to its start": Figure(middle(lambda c: of(c).start)),
            f"{name}: seconds to a scored model": Figure(middle(lambda c: of(c).scored)),
            f"{name}: seconds more with exports": Figure(middle(lambda c: of(c).exported)),
        }
    found |= {
        "quick_ratio": Figure(
            middle(lambda c: c.recipe.frozen / c.quick.scored), at_least=asked.quick
        ),
        "balanced_ratio": Figure(
            middle(lambda c: c.recipe.whole / c.balanced.scored), at_least=asked.balanced
        ),
        "quick_ratio without starts": Figure(
            middle(lambda c: _worked(c.recipe.frozen - c.recipe.start, c.quick))
        ),
        "balanced_ratio without starts": Figure(
            middle(lambda c: _worked(c.recipe.whole - c.recipe.start, c.balanced))
        ),
    }
    return found if random else found | _accuracy_figures(courses, asked)


def _worked(seconds: float, trained: Tusker) -> float:
    return seconds / (trained.scored - trained.start)


def _accuracy_figures(courses: Sequence[Course], asked: Asked) -> dict[str, Figure]:
    def average(value: Callable[[Course], float]) -> float:
        return mean(map(value, courses))

    frozen = average(lambda c: c.recipe.frozen_accuracy)
    final = average(lambda c: c.recipe.accuracy)
    quick = average(lambda c: c.quick.accuracy)
    balanced = average(lambda c: c.balanced.accuracy)
    sooner = median(course.sooner for course in courses)
    reached = sum(course.sooner > 0 for course in courses)
    return {
        "recipe: test accuracy, frozen": Figure(frozen),
        "recipe: test accuracy, final": Figure(final),
        "quick: test accuracy": Figure(quick),
        "balanced: test accuracy": Figure(balanced),
        # Sums in another order differ in the last bit.
        "quick less frozen": Figure(round(quick - frozen, 6), at_least=0.0),
        "balanced less final": Figure(round(balanced - final, 6), at_least=-0.01),
        "sooner": Figure(sooner or None, at_least=asked.sooner),
        "seeds that reached the recipe's final validation accuracy": Figure(reached),
    }


def warm_up(settings: Settings) -> None:
    """Bring into memory the files that every start of TensorFlow reads."""
    jobs.said(WARM_UP, settings=settings)


def main(arguments: list[str] | None = None) -> int:
    """Train with each seed and print the medians and the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a zip of class folders")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--random", action="store_true", help="random weights: times only")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)

    def say(sentence: str) -> None:
        if not asked.json:
            print(sentence, file=sys.stderr)

    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        prepared = jobs.new_home(folder / "prepared")
        taken = jobs.take_in(asked.data, folder / "intake", prepared)
        say(f"{len(taken.dataset.examples)} pictures of {len(taken.dataset.classes)} classes.")
        jobs.prepare(asked.backbone, prepared, random=asked.random)
        warm_up(prepared)
        courses = [
            run_course(taken, asked.backbone, seed, folder, say) for seed in range(asked.seeds)
        ]
    return show(figures(courses, random=asked.random), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
