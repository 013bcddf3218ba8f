"""Compare runs: their results, and how their settings and training data differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from core.dataset import splitting
from core.errors import RunDamaged
from core.evaluation.paired import EvaluatedModel
from core.evaluation.report import Footprint
from core.runs.manifest import Manifest
from core.runs.run import Run
from core.training.config import TrainingConfig

MOST = 6
"""Largest number of runs in one comparison; more columns are unreadable."""


@dataclass(frozen=True)
class ComparedRun:
    """Settings and results of a complete run.

    Attributes:
        training_pictures: their number.
        learned_classes: class of each training and validation picture, by its SHA-256.
    """

    evaluated: EvaluatedModel
    config: TrainingConfig
    manifest: Manifest
    footprint: Footprint | None
    training_pictures: int
    learned_classes: Mapping[str, str]


def load(run: Run) -> ComparedRun:
    """Load the settings and results by which a complete run is compared.

    Raises:
        RunDamaged: a file is missing or damaged, or the files do not fit each other.
    """
    dataset, report = run.dataset(), run.report()
    try:
        test = dataset.of("test")
        keys = tuple(example.sha256 for example in test)
        evaluated = EvaluatedModel(
            report, keys, run.probabilities(), splitting.groups(test, bursts=True)
        )
    except ValueError as error:
        raise RunDamaged("The report of this run is not about its test pictures.") from error
    return ComparedRun(
        evaluated=evaluated,
        config=run.config(),
        manifest=run.manifest(),
        footprint=run.footprint(),
        training_pictures=len(dataset.of("train")),
        learned_classes={
            example.sha256: dataset.classes[example.label]
            for example in (*dataset.of("train"), *dataset.of("validation"))
        },
    )


class TrainingDataChanges(NamedTuple):
    """How the training and validation pictures of a second run differ from those of a first.

    Attributes:
        relabelled: pictures of both runs whose class differs.
        missing: pictures of the first only.
        new: pictures of the second only.
    """

    relabelled: int
    missing: int
    new: int


def training_data_changes(first: ComparedRun, second: ComparedRun) -> TrainingDataChanges:
    """See `TrainingDataChanges`."""
    before, after = first.learned_classes, second.learned_classes
    both = before.keys() & after.keys()
    return TrainingDataChanges(
        relabelled=sum(before[picture] != after[picture] for picture in both),
        missing=len(before) - len(both),
        new=len(after) - len(both),
    )


def changed_settings(configs: Sequence[TrainingConfig]) -> dict[str, tuple[Any, ...]]:
    """Settings that differ between configurations, by name, with a value of each of these."""
    flattened = [dict(flat(config.model_dump(mode="json"))) for config in configs]
    return {
        name: tuple(values[name] for values in flattened)
        for name in flattened[0]
        if any(values[name] != flattened[0][name] for values in flattened)
    }


def flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings with their paths, such as `augmentation.views`."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
