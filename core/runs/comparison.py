"""What runs are compared by: all that was measured of each, and how their settings differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import RunDamaged
from core.evaluation.paired import EvaluatedModel
from core.evaluation.report import Footprint, Report
from core.runs.manifest import Manifest
from core.runs.run import Run
from core.training.config import TrainingConfig

MOST = 6
"""Runs that can be compared at once; more columns nobody can read."""


@dataclass(frozen=True)
class ComparedRun:
    """What a complete run was asked for, and what came of it.

    Attributes:
        answered: its report, and which pictures it is of.
        learned_from: training pictures.
        taught: class of each training and validation picture, by the SHA-256 of its file.
    """

    answered: EvaluatedModel
    config: TrainingConfig
    manifest: Manifest
    footprint: Footprint | None
    learned_from: int
    taught: Mapping[str, str]

    @property
    def report(self) -> Report:
        """Its report."""
        return self.answered.report


def load(run: Run) -> ComparedRun:
    """All that a complete run is compared by.

    Raises:
        RunDamaged: a file is missing or not what was written, or they do not fit each other.
    """
    dataset, report = run.dataset(), run.report()
    try:
        answered = EvaluatedModel(
            report, tuple(example.sha256 for example in dataset.of("test")), run.probabilities()
        )
    except ValueError as error:
        raise RunDamaged("The report of this run is not about its test pictures.") from error
    return ComparedRun(
        answered=answered,
        config=run.config(),
        manifest=run.manifest(),
        footprint=run.footprint(),
        learned_from=len(dataset.of("train")),
        taught={
            example.sha256: dataset.classes[example.label]
            for example in (*dataset.of("train"), *dataset.of("validation"))
        },
    )


@dataclass(frozen=True)
class TrainingDataChanges:
    """How the training and validation pictures of a run differ from those of another.

    Attributes:
        relabelled: pictures of both that are in another class.
        gone: pictures of the other that this has not.
        new: pictures that the other has not.
    """

    relabelled: int
    gone: int
    new: int

    def __bool__(self) -> bool:
        return bool(self.relabelled or self.gone or self.new)


def training_data_changes(first: ComparedRun, second: ComparedRun) -> TrainingDataChanges:
    """How the second differs from the first in what it was taught with."""
    before, after = first.taught, second.taught
    both = before.keys() & after.keys()
    return TrainingDataChanges(
        relabelled=sum(before[picture] != after[picture] for picture in both),
        gone=len(before) - len(both),
        new=len(after) - len(both),
    )


def changed_settings(configs: Sequence[TrainingConfig]) -> dict[str, tuple[Any, ...]]:
    """Settings that are not the same in all, by name as in `augmentation.views`.

    Returns:
        A value for each configuration, in the order given.
    """
    flat = [dict(_flat(config.model_dump(mode="json"))) for config in configs]
    return {
        name: tuple(one[name] for one in flat)
        for name in flat[0]
        if any(one[name] != flat[0][name] for one in flat)
    }


def _flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
