"""The model card: training data, evaluation and limits of a model, as Markdown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from platform import python_version
from typing import Any

from core import __version__, backbones
from core.backbones import Backbone
from core.checks import Finding
from core.checks.labels import LabelIssue
from core.dataset import Dataset, Split, splitting
from core.evaluation import Report, describe, intervals
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import ClassScore, Estimate, Footprint, OodScores, Threshold
from core.evaluation.wording import figures
from core.export import programs
from core.jobs.events import Epoch, Kept
from core.runs.annotations import Origin
from core.runs.run import Run
from core.system import markdown
from core.training.config import TrainingConfig

FEW = 10
"""Test pictures of a class below which its figures are called uncertain."""
NAMED, WORST, MISTAKES = 12, 3, 3
"""How many classes with few pictures, worst classes and mistakes are listed."""
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "scikit-learn")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class ClassCount:
    """A class and its number of pictures in each split."""

    name: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class PhaseSummary:
    """One phase of the training: its epochs or solver iterations, and which was kept."""

    name: str
    unit: str
    epochs: int
    kept: Kept | None


@dataclass(frozen=True)
class Facts:
    """Everything that a card or an HTML report says about a run.

    Attributes:
        title: of the run.
        day: when the training finished.
        version: of Tusker that trained it; empty if before 1.0.
        seconds: from the first picture to the report.
        backbone: None if this version of Tusker does not know it.
        counts: pictures by class, in the order of the report.
        parts: number of training, validation and test pictures.
        alike: pictures that look the same as another one.
        astride: those of them whose duplicate is in another split.
        origin: the run that it was trained again from. Never show its id: it is a permission.
        phases: in order.
        threshold: the current one, with coverage and error on the test pictures; None if off.
        worst: classes with the lowest recall, if below 1.
        few: classes with fewer than `FEW` test pictures.
    """

    title: str
    day: str
    version: str
    seconds: float
    report: Report
    dataset: Dataset
    config: TrainingConfig
    backbone: Backbone | None
    counts: tuple[ClassCount, ...]
    parts: tuple[int, int, int]
    alike: int
    astride: int
    origin: Origin | None
    findings: tuple[Finding, ...]
    label_issues: tuple[LabelIssue, ...]
    phases: tuple[PhaseSummary, ...]
    threshold: Threshold | None
    worst: tuple[ClassScore, ...]
    few: tuple[ClassScore, ...]
    unlike: OodScores | None
    footprint: Footprint | None
    curve: LearningCurve | None


def facts(run: Run) -> Facts:
    """Gather the facts of a complete run.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    manifest, report, dataset, config = run.manifest(), run.report(), run.dataset(), run.config()
    alike, astride = _alike(dataset)
    missed = [score for score in report.per_class if score.recall and score.recall.value < 1]
    missed.sort(key=lambda score: score.recall.value if score.recall else 1.0)
    return Facts(
        title=run.annotations().name or dataset.name,
        day=_day(manifest.completed_at),
        version=manifest.tusker,
        seconds=manifest.seconds,
        report=report,
        dataset=dataset,
        config=config,
        backbone=backbones.get(config.backbone) if backbones.known(config.backbone) else None,
        counts=_counts(dataset),
        parts=(len(dataset.of("train")), len(dataset.of("validation")), len(dataset.of("test"))),
        alike=alike,
        astride=astride,
        origin=run.origin(),
        findings=run.findings(),
        label_issues=run.label_issues(),
        phases=_phases(run.epochs(), run.kept()),
        threshold=_threshold(run, report),
        worst=tuple(missed[:WORST]),
        few=tuple(score for score in report.per_class if score.support < FEW),
        unlike=run.ood_scores(),
        footprint=run.footprint(),
        curve=run.learning_curve(),
    )


def card(run: Run, known: Facts | None = None) -> str:
    """The model card of a complete run, as Markdown.

    Args:
        known: the facts of the run, if they were gathered already.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    known = known or facts(run)
    environment = programs.environment(finalize=_escaped)
    environment.filters |= {
        "figure": lambda estimate: _Trusted(describe(estimate)),
        "ours": _Trusted,
        "percent": lambda value: _Trusted(f"{100 * value:.{digits(value)}f} %"),
        "fixed": lambda value, places: _Trusted(f"{value:.{places}f}"),
    }
    return environment.get_template("card.md.j2").render(
        vars(known),
        few_limit=FEW,
        mistakes=known.report.confusion.worst[:MISTAKES],
        named=NAMED,
        width=_interval(known.report.accuracy),
        versions=_versions(),
    )


def digits(share: float) -> int:
    """Decimals of a percentage, so that it is not rounded to 0 or 100."""
    return 0 if 0.01 <= share <= 0.99 or share in (0, 1) else 1


class _Trusted(str):
    """Text without names from outside, which needs no escaping."""


def _escaped(value: Any) -> str:
    """A value in the template: names with Markdown escaped, numbers with commas."""
    if isinstance(value, _Trusted):
        return value
    return f"{value:,}" if isinstance(value, int) else markdown.escaped(str(value))


def _counts(dataset: Dataset) -> tuple[ClassCount, ...]:
    counted = Counter((example.label, example.split) for example in dataset.examples)
    return tuple(
        ClassCount(name, *(counted[label, split] for split in SPLITS))
        for label, name in enumerate(dataset.classes)
    )


def _alike(dataset: Dataset) -> tuple[int, int]:
    examples = dataset.examples
    groups = [group for group in splitting.units(examples, range(len(examples))) if len(group) > 1]
    astride = [group for group in groups if len({examples[i].split for i in group}) > 1]
    return sum(map(len, groups)), sum(map(len, astride))


def _phases(epochs: Sequence[Epoch], kept: Sequence[Kept]) -> tuple[PhaseSummary, ...]:
    last = {epoch.phase: epoch for epoch in epochs}
    by_phase = {event.phase: event for event in kept}
    return tuple(
        PhaseSummary(phase, last[phase].unit, last[phase].epoch, by_phase.get(phase))
        if phase in last
        else PhaseSummary(phase, "epoch", 0, by_phase[phase])
        for phase in dict.fromkeys([*last, *by_phase])
    )


def _threshold(run: Run, report: Report) -> Threshold | None:
    own = run.annotations()
    if not own.threshold:
        return None
    for choice in report.certainty.choices:
        if choice.value == own.threshold:
            return choice
    answered = [guess for guess in report.predictions if guess.probability >= own.threshold]
    wrong = sum(guess.predicted != guess.label for guess in answered)
    return Threshold(
        aim=own.aim,
        value=own.threshold,
        coverage=intervals.proportion(len(answered), report.pictures),
        error=intervals.proportion(wrong, len(answered)) if answered else None,
    )


def _interval(accuracy: Estimate) -> _Trusted:
    """`between 88 and 97 %`."""
    _, low, high = figures(accuracy)
    return _Trusted(f"between {low} and {high} %")


def _day(seconds: float) -> str:
    at = time.localtime(seconds)
    return f"{at.tm_mday} {time.strftime('%B %Y', at)}"


def _versions() -> _Trusted:
    """Versions of Tusker and of the packages installed here, which are not imported for it."""
    versions = [
        f"Tusker {__version__}",
        f"Python {python_version()}",
        f"report format {Report.model_fields['version'].default}",
    ]
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return _Trusted(", ".join(versions))
