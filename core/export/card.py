"""The model card: what a model was taught on, what it cannot do and how it was measured."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core import backbones
from core.backbones import Backbone
from core.checks import Finding
from core.checks.labels import LabelIssue
from core.dataset import Dataset, splitting
from core.evaluation import Report, describe, intervals
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import ClassScore, Estimate, Footprint, OodScores, Threshold
from core.evaluation.wording import figures
from core.jobs.events import Epoch, Kept
from core.runs.corrections import Origin, origin
from core.runs.run import Run
from core.system import markdown
from core.training.config import TrainingConfig

TEMPLATE = "card.md.j2"
FEW = 10
"""Test pictures of a class below which its figures say little."""
NAMED, WORST, MISTAKES = 12, 3, 3
"""Classes that are named where many lack pictures; the worst classes; the commonest mistakes."""
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "scikit-learn")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class ClassCount:
    """A class and how many pictures each part has of it."""

    name: str
    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class PhaseSummary:
    """What a phase of the training did: its epochs or solver iterations, and which was kept."""

    name: str
    unit: str
    epochs: int
    kept: Kept | None


@dataclass(frozen=True)
class Facts:
    """All that a card says of a run.

    Attributes:
        title: of the run.
        day: on which it was finished.
        seconds: from the first picture to the report.
        backbone: None where this version of Tusker does not know it.
        counts: by class, in the order of the report.
        parts: pictures to train, to validate and to test.
        alike: pictures that look the same as another one.
        astride: those of them that have such another one in another part.
        origin: the run that it was trained again from. Its id is for nobody else's eyes.
        phases: in the order they ran.
        threshold: in force, with what it gives on the test pictures; None where there is none.
        worst: classes whose pictures are found least often, if any is missed.
        few: classes with fewer than `FEW` test pictures.
    """

    title: str
    day: str
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
    """Gather them.

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
        seconds=manifest.seconds,
        report=report,
        dataset=dataset,
        config=config,
        backbone=backbones.get(config.backbone) if backbones.known(config.backbone) else None,
        counts=_counts(dataset),
        parts=tuple(len(dataset.of(split)) for split in SPLITS),  # type: ignore[arg-type]
        alike=alike,
        astride=astride,
        origin=origin(run),
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


def card(run: Run, found: Facts | None = None) -> str:
    """The model card of a complete run, as Markdown.

    Args:
        run: complete.
        found: its facts, where they are known already.

    Raises:
        RunDamaged: the run is not complete, or one of its files cannot be read.
    """
    found = found or facts(run)
    words = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 - Markdown, which `_shown` escapes
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    words.filters |= {
        "figure": lambda estimate: _Ours(describe(estimate)),
        "ours": _Ours,
        "percent": lambda value: _Ours(f"{100 * value:.{digits(value)}f} %"),
        "fixed": lambda value, places: _Ours(f"{value:.{places}f}"),
    }
    return words.get_template(TEMPLATE).render(
        vars(found),
        few_limit=FEW,
        mistakes=found.report.confusion.worst[:MISTAKES],
        named=NAMED,
        width=_width(found.report.accuracy),
        versions=_versions(),
    )


def digits(share: float) -> int:
    """Decimals that keep a share in per cent from being rounded to 0 or to 100."""
    return 0 if 0.01 <= share <= 0.99 or share in (0, 1) else 1


class _Ours(str):
    """Text that holds no name of a stranger's, so that it is shown as it is."""


def _shown(value: Any) -> str:
    """What a template shows of a value: names letter by letter, numbers with their commas."""
    if isinstance(value, _Ours):
        return value
    return f"{value:,}" if isinstance(value, int) else markdown.escaped(str(value))


def _counts(dataset: Dataset) -> tuple[ClassCount, ...]:
    found = Counter((example.label, example.split) for example in dataset.examples)
    return tuple(
        ClassCount(name, found[label, "train"], found[label, "validation"], found[label, "test"])
        for label, name in enumerate(dataset.classes)
    )


def _alike(dataset: Dataset) -> tuple[int, int]:
    examples = dataset.examples
    units = [unit for unit in splitting.units(examples, range(len(examples))) if len(unit) > 1]
    astride = [unit for unit in units if len({examples[place].split for place in unit}) > 1]
    return sum(map(len, units)), sum(map(len, astride))


def _phases(epochs: Sequence[Epoch], kept: Sequence[Kept]) -> tuple[PhaseSummary, ...]:
    last = {epoch.phase: epoch for epoch in epochs}
    kept_of = {event.phase: event for event in kept}
    return tuple(
        PhaseSummary(phase, last[phase].unit, last[phase].epoch, kept_of.get(phase))
        if phase in last
        else PhaseSummary(phase, "epoch", 0, kept_of[phase])
        for phase in dict.fromkeys([*last, *kept_of])
    )


def _threshold(run: Run, report: Report) -> Threshold | None:
    said = run.annotations()
    if not said.threshold:
        return None
    for choice in report.certainty.choices:
        if choice.value == said.threshold:
            return choice
    answered = [one for one in report.predictions if one.probability >= said.threshold]
    wrong = sum(one.predicted != one.label for one in answered)
    return Threshold(
        aim=said.aim,
        value=said.threshold,
        coverage=intervals.proportion(len(answered), report.pictures),
        error=intervals.proportion(wrong, len(answered)) if answered else None,
    )


def _width(accuracy: Estimate) -> _Ours:
    """`between 88 and 97 %`."""
    _, low, high = figures(accuracy)
    return _Ours(f"between {low} and {high} %")


def _day(seconds: float) -> str:
    at = time.localtime(seconds)
    return f"{at.tm_mday} {time.strftime('%B %Y', at)}"


def _versions() -> _Ours:
    """Those of the packages that are installed here; nothing is imported for it."""
    found = [
        f"Python {python_version()}",
        f"report format {Report.model_fields['version'].default}",
    ]
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return _Ours(", ".join(found))
