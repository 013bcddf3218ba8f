"""Out-of-distribution detection: how well models tell other datasets from their own.

    python -m benchmarks.unknown --datasets FOLDER --photos FOLDER --preset quick

Trains on each zip of a folder and on the handwritten digits, with several seeds and without
exports. Each model then scores its test pictures, pictures of the other datasets, and photographs.
Classes of other datasets, and photographs, with the name of one of the model's classes are left
out. For each pair, as means over the seeds:

- AUROC of the OOD score.
- FPR at 95 % TPR: the share of the other pictures that pass where 95 % of the test pictures do.
- detected: the share of the other pictures that are called out-of-distribution.

False alarms are test pictures that are called out-of-distribution.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks import jobs
from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure, argument_parser, show
from core import runs
from core.intake import samples
from core.model import batch
from core.model.classifier import Classifier, on_one_thread
from core.pipeline import training_job
from core.runs.run import Run
from core.settings import Settings
from core.training import config
from core.training.config import TrainingConfig

PHOTOGRAPHS = "photographs"
SHOWN = 200
"""Maximum number of pictures of another dataset."""
AUROC, FPR, FALSE_ALARMS = 0.97, 0.1, 0.05
"""Required means."""


@dataclass(frozen=True)
class Pair:
    """OOD scores of a model's test pictures and of another dataset (`unknown`)."""

    test: np.ndarray
    unknown: np.ndarray

    @property
    def auroc(self) -> float:
        """Area under the ROC curve."""
        truth = np.repeat([0, 1], [len(self.test), len(self.unknown)])
        return float(roc_auc_score(truth, np.concatenate([self.test, self.unknown])))

    @property
    def fpr(self) -> float:
        """False positive rate at 95 % true positive rate."""
        return float((self.unknown <= np.quantile(self.test, 0.95)).mean())

    @property
    def detected(self) -> float:
        """Share of the other pictures that are called out-of-distribution."""
        return float((self.unknown > 1).mean())


@dataclass(frozen=True)
class Result:
    """The result of one training.

    Attributes:
        false_alarms: share of test pictures that are called out-of-distribution.
        pairs: by the name of the other dataset.
    """

    false_alarms: float
    pairs: Mapping[str, Pair]


def pictures_of_others(
    name: str, sets: Mapping[str, ImportedDataset], photos: Sequence[Path]
) -> dict[str, tuple[Path, ...]]:
    """Pictures of other datasets and photographs that show no class of a dataset, by source."""
    classes = {_singular(label) for label in sets[name].dataset.classes}
    pictures: dict[str, tuple[Path, ...]] = {}
    for dataset, imported in sets.items():
        if dataset == name:
            continue
        names = imported.dataset.classes
        files = [
            imported.pictures / example.path
            for example in imported.dataset.examples
            if _singular(names[example.label]) not in classes
        ]
        pictures[dataset] = tuple(files[:: max(1, -(-len(files) // SHOWN))])
    pictures[PHOTOGRAPHS] = tuple(
        photo for photo in photos if classes.isdisjoint(map(_singular, photo.stem.split("_")[1:]))
    )
    return {dataset: files for dataset, files in pictures.items() if files}


def train(
    imported: ImportedDataset,
    config: TrainingConfig,
    settings: Settings,
    unknown: Mapping[str, Iterable[Path]],
) -> Result:
    """Train a run, and compute the OOD scores of pictures of other datasets."""
    run = runs.create(config, imported.dataset, runs.new_path(settings))
    training_job.train(run, imported.pictures, settings, lambda _: None)
    report = run.ood_scores()
    if report is None:
        raise SystemExit(f"{imported.dataset.name}: too few pictures for OOD detection.")
    test_scores = np.array(report.scores)
    pairs = {
        name: Pair(test_scores, _scores(run, settings, files)) for name, files in unknown.items()
    }
    return Result(report.false_alarms.value, pairs)


def figures(results: Mapping[tuple[str, str], Sequence[Result]]) -> dict[str, Figure]:
    """Means over the seeds per preset, dataset and other dataset; then over each preset.

    Args:
        results: one per seed, by preset and dataset.
    """
    shown: dict[str, Figure] = {}
    for (preset, name), seeds in results.items():
        shown[f"{preset}, {name}: false alarms"] = Figure(
            mean(result.false_alarms for result in seeds)
        )
        for dataset in seeds[0].pairs:
            pairs = [result.pairs[dataset] for result in seeds]
            title = f"{preset}, {name} against {dataset}"
            shown[f"{title}: AUROC"] = Figure(mean(pair.auroc for pair in pairs))
            shown[f"{title}: FPR at 95 % TPR"] = Figure(mean(pair.fpr for pair in pairs))
            shown[f"{title}: detected"] = Figure(mean(pair.detected for pair in pairs))
    for preset in dict.fromkeys(preset for preset, _ in results):
        trained = [
            result for (name, _), seeds in results.items() if name == preset for result in seeds
        ]
        pairs = [pair for result in trained for pair in result.pairs.values()]
        shown |= {
            f"{preset}: mean AUROC": Figure(mean(p.auroc for p in pairs), at_least=AUROC),
            f"{preset}: mean FPR at 95 % TPR": Figure(mean(p.fpr for p in pairs), at_most=FPR),
            f"{preset}: mean false alarms": Figure(
                mean(result.false_alarms for result in trained), at_most=FALSE_ALARMS
            ),
        }
    return shown


def _singular(name: str) -> str:
    return name.lower().removesuffix("s")


def _scores(run: Run, settings: Settings, files: Iterable[Path]) -> np.ndarray:
    def score(classifier: Classifier, file: Path) -> float:
        ood_score = classifier.answer(classifier.load(file)).ood_score
        assert ood_score is not None
        return ood_score

    def build() -> Classifier:
        return run.classifier(settings, on_one_thread)

    return np.array(list(batch.map_parallel(build, list(files), score)))


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the means."""
    parser = argument_parser(__doc__)
    parser.add_argument("--datasets", type=Path, required=True, help="folder of zips")
    parser.add_argument("--photos", type=Path, required=True, help="folder of nID_class.jpg")
    parser.add_argument("--preset", action="append", help="may be given several times")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    results: dict[tuple[str, str], list[Result]] = {}
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        settings = jobs.new_home(Path(scratch) / "home")
        if options.backbone != "efficientnet-lite0":
            jobs.prepare(options.backbone, settings)
        digits = Path(scratch) / "digits.zip"
        samples.digits(digits)
        sets = {
            source.stem: jobs.take_in(source, Path(scratch) / source.stem, settings)
            for source in [*sorted(options.datasets.glob("*.zip")), digits]
        }
        photos = sorted(options.photos.glob("*.jpg"))
        for preset in options.preset or ["quick"]:
            for name, imported in sets.items():
                unknown = pictures_of_others(name, sets, photos)
                results[preset, name] = [
                    train(
                        imported,
                        config.preset(preset, backbone=options.backbone, seed=seed),
                        settings,
                        unknown,
                    )
                    for seed in range(options.seeds)
                ]
    return show(figures(results), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
