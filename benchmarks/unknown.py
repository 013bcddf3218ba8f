"""How well trained models tell pictures of other datasets from what they were taught.

    python -m benchmarks.unknown --datasets FOLDER --photos FOLDER --preset quick

Each zip of a folder, and the handwritten digits, are learned over seeds, as the app does except
for the files to take away. Each model is then shown its test pictures, pictures of the other
datasets, and photographs. A photograph or a class of another dataset that bears the name of a
class that was taught is left out. Told for each pair, as means over the seeds:

- AUROC: how often a picture of the other dataset is stranger than a test picture.
- missed at 95 %: the share of others that pass where 95 % of test pictures do (FPR at 95 % TPR).
- caught: the share of others that are called unlike anything the model was taught.

False alarms are test pictures that are called so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks import jobs
from benchmarks.jobs import Taken
from benchmarks.report import Figure, show
from core import runs
from core.errors import TuskerError
from core.intake import samples
from core.jobs.events import EXPORTS_BEGIN, Event, Note
from core.model import batch
from core.model.classifier import Classifier, on_one_thread
from core.pipeline import training_job
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from core.training.config import TrainingConfig

PHOTOGRAPHS = "photographs"
SHOWN = 200
"""Most pictures of another dataset that a model is shown."""
AUROC, MISSED, FALSE_ALARMS = 0.97, 0.1, 0.05
"""What the means are held to."""


@dataclass(frozen=True)
class Met:
    """How a model took pictures of another dataset.

    Attributes:
        alike: strangeness of its test pictures.
        unlike: strangeness of the others.
    """

    alike: np.ndarray
    unlike: np.ndarray

    @property
    def auroc(self) -> float:
        """How often one of the others is the stranger, of all pairs."""
        truth = np.repeat([0, 1], [len(self.alike), len(self.unlike)])
        return float(roc_auc_score(truth, np.concatenate([self.alike, self.unlike])))

    @property
    def missed(self) -> float:
        """Share of the others that pass where 95 % of the test pictures do."""
        return float((self.unlike <= np.quantile(self.alike, 0.95)).mean())

    @property
    def caught(self) -> float:
        """Share of the others that are called unlike."""
        return float((self.unlike > 1).mean())


@dataclass(frozen=True)
class FittedHead:
    """What came of one training.

    Attributes:
        false_alarms: share of test pictures that are called unlike.
        met: by the name of the other dataset.
    """

    false_alarms: float
    met: Mapping[str, Met]


def others(
    name: str, sets: Mapping[str, Taken], photos: Sequence[Path]
) -> dict[str, tuple[Path, ...]]:
    """Files that show nothing which the dataset of that name teaches, by where they are from."""
    taught = {_singular(known) for known in sets[name].dataset.classes}
    found: dict[str, tuple[Path, ...]] = {}
    for other, taken in sets.items():
        if other == name:
            continue
        names = taken.dataset.classes
        files = [
            taken.pictures / example.path
            for example in taken.dataset.examples
            if _singular(names[example.label]) not in taught
        ]
        found[other] = tuple(files[:: max(1, -(-len(files) // SHOWN))])
    found[PHOTOGRAPHS] = tuple(
        photo for photo in photos if taught.isdisjoint(map(_singular, photo.stem.split("_")[1:]))
    )
    return {other: files for other, files in found.items() if files}


def learn(
    taken: Taken,
    asked: TrainingConfig,
    settings: Settings,
    unknown: Mapping[str, Iterable[Path]],
) -> FittedHead:
    """Train a run, and show its model what it was not taught."""
    run = runs.create(asked, taken.dataset, runs.new_path(settings))
    training_job.train(run, taken.pictures, settings, _without_exports)
    unlike = run.ood_scores()
    if unlike is None:
        raise SystemExit(f"{taken.dataset.name}: too few pictures to tell what is unlike them.")
    alike = np.array(unlike.ood_score)
    met = {name: Met(alike, _strangeness(run, settings, files)) for name, files in unknown.items()}
    return FittedHead(unlike.false_alarms.value, met)


def figures(found: Mapping[tuple[str, str], Sequence[FittedHead]]) -> dict[str, Figure]:
    """Means over seeds for each preset, dataset and other dataset; then over all of a preset.

    Args:
        found: trainings, one a seed, by preset and dataset.
    """
    told: dict[str, Figure] = {}
    for (preset, name), seeds in found.items():
        told[f"{preset}, {name}: false alarms"] = Figure(mean(one.false_alarms for one in seeds))
        for other in seeds[0].met:
            pair = [one.met[other] for one in seeds]
            what = f"{preset}, {name} against {other}"
            told[f"{what}: AUROC"] = Figure(mean(met.auroc for met in pair))
            told[f"{what}: missed at 95 %"] = Figure(mean(met.missed for met in pair))
            told[f"{what}: caught"] = Figure(mean(met.caught for met in pair))
    for preset in dict.fromkeys(preset for preset, _ in found):
        learned = [one for (asked, _), seeds in found.items() if asked == preset for one in seeds]
        met = [pair for one in learned for pair in one.met.values()]
        told |= {
            f"{preset}: mean AUROC": Figure(mean(m.auroc for m in met), at_least=AUROC),
            f"{preset}: mean missed at 95 %": Figure(mean(m.missed for m in met), at_most=MISSED),
            f"{preset}: mean false alarms": Figure(
                mean(one.false_alarms for one in learned), at_most=FALSE_ALARMS
            ),
        }
    return told


def _singular(name: str) -> str:
    return name.lower().removesuffix("s")


def _without_exports(event: Event) -> None:
    if isinstance(event, Note) and event.sentence == EXPORTS_BEGIN:
        raise TuskerError("The benchmark goes without them.")


def _strangeness(run: Run, settings: Settings, files: Iterable[Path]) -> np.ndarray:
    def ask(classifier: Classifier, file: Path) -> float:
        ood_score = classifier.answer(classifier.load(file)).ood_score
        assert ood_score is not None
        return ood_score

    def build() -> Classifier:
        return run.classifier(settings, on_one_thread)

    return np.array(list(batch.each(build, list(files), ask)))


def main(arguments: list[str] | None = None) -> int:
    """Learn each dataset with each preset and seed, and print the means."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", type=Path, required=True, help="folder of zips")
    parser.add_argument("--photos", type=Path, required=True, help="folder of nID_class.jpg")
    parser.add_argument("--preset", action="append", help="may be given several times")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    found: dict[tuple[str, str], list[FittedHead]] = {}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        settings = jobs.new_home(Path(scratch) / "home")
        if asked.backbone != "efficientnet-lite0":
            jobs.prepare(asked.backbone, settings)
        digits = Path(scratch) / "digits.zip"
        samples.digits(digits)
        sets = {
            source.stem: jobs.take_in(source, Path(scratch) / source.stem, settings)
            for source in [*sorted(asked.datasets.glob("*.zip")), digits]
        }
        photos = sorted(asked.photos.glob("*.jpg"))
        for preset in asked.preset or ["quick"]:
            for name, taken in sets.items():
                unknown = others(name, sets, photos)
                found[preset, name] = [
                    learn(
                        taken,
                        config.preset(preset, backbone=asked.backbone, seed=seed),
                        settings,
                        unknown,
                    )
                    for seed in range(asked.seeds)
                ]
    return show(figures(found), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
