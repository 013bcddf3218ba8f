"""The result of a comparison of backbones: figures with intervals, and a summary in words."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from core import backbones
from core.dataset import Dataset
from core.evaluation import Estimate, describe
from core.evaluation.differences import ALPHA
from core.evaluation.report import ReportPart
from core.images import AS_DECLARED, Scale
from core.system import files, prose
from core.training.config import TrainingConfig

RESULT = "bakeoff.json"
FASTER = 0.8
"""A backbone counts as faster if it takes less than this share of the other's time."""


class Conditions(ReportPart):
    """The settings and pictures of a comparison; with others, the result does not apply."""

    seed: int
    validation: float
    test: float
    crop: float
    pictures: str
    """SHA-256 over the pictures, their labels and groups."""
    class_weights: bool = True
    scale: Scale = AS_DECLARED


class Candidate(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """The figures of one backbone.

    Attributes:
        correct: number of pictures predicted correctly out of fold.
        difference: how much more accurate the best backbone is on the same pictures; None for it.
        p: p-value of the difference, adjusted for multiple comparisons; None for the best.
        milliseconds: time for one picture on this machine.
    """

    backbone: str
    correct: int = Field(alias="right")
    accuracy: Estimate
    difference: Estimate | None = Field(alias="behind")
    p: float | None = None
    milliseconds: float
    megabytes: float

    @property
    def as_good(self) -> bool:
        """Whether the difference to the best is not significant."""
        if self.difference is None or self.p is None:  # without p: of an earlier version
            return self.difference is None or self.difference.low <= 0
        return self.p >= ALPHA


class Unavailable(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """A backbone that could not be compared, with the reason."""

    backbone: str
    reason: str = Field(alias="why")


class Comparison(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """All backbones, the best first."""

    version: Literal[1] = 1
    conditions: Conditions = Field(alias="terms")
    pictures: int
    held_out: int
    candidates: tuple[Candidate, ...] = Field(alias="contenders")
    unavailable: tuple[Unavailable, ...] = Field((), alias="absent")

    @property
    def sentence(self) -> str:
        """Which backbone is best, and whether a faster one is about as good."""
        best, *others = self.candidates
        name = backbones.get(best.backbone).title
        on = f"{describe(best.accuracy)} of {self.pictures:,} pictures"
        if not others:
            return f"{name}, the only one available, was correct on {on}."
        equals = [candidate for candidate in others if candidate.as_good]
        if not equals:
            return f"{name} was correct most often, on {on}. Chance alone seldom gives such a lead."
        most_often = "" if others[0].correct == best.correct else " most often,"
        titles = [backbones.get(candidate.backbone).title for candidate in equals]
        are = "is" if len(equals) == 1 else "are"
        summary = f"{prose.listed(titles, len(titles))} {are} as good within the margin of error"
        fastest = min(equals, key=lambda candidate: candidate.milliseconds)
        if fastest.milliseconds < FASTER * best.milliseconds:
            which = f"and {backbones.get(fastest.backbone).title} is" if len(equals) > 1 else "and"
            summary += (
                f", {which} faster: {fastest.milliseconds:.0f} ms per picture against "
                f"{best.milliseconds:.0f}"
            )
        elif best.milliseconds < FASTER * fastest.milliseconds:
            summary += ", but slower"
        return f"{name} was correct{most_often} on {on}. {summary}."


def conditions_of(dataset: Dataset, config: TrainingConfig) -> Conditions:
    """The conditions of a comparison with this dataset and these settings."""
    lines = sorted(
        f"{e.sha256} {e.label} {e.group} {e.split} {e.group_name}".rstrip()
        for e in dataset.examples
    )
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    shared = config.model_dump(include={"seed", "validation", "test", "crop", "class_weights"})
    return Conditions(**shared, pictures=digest, scale=dataset.scale)


def table(comparison: Comparison) -> list[str]:
    """The comparison as lines of text, the sentence last."""
    lines = [f"{'backbone':20}  {'right':>16}  {'ms per picture':>14}  {'MB':>6}"]
    for candidate in comparison.candidates:
        right = describe(candidate.accuracy)
        cost = f"{candidate.milliseconds:14.1f}  {candidate.megabytes:6.1f}"
        lines.append(f"{candidate.backbone:20}  {right:>16}  {cost}")
    lines += [f"{missing.backbone}: {missing.reason}" for missing in comparison.unavailable]
    return [*lines, comparison.sentence]


def write(folder: Path, comparison: Comparison) -> None:
    """Write a comparison into a folder, atomically."""
    files.write_text(folder / RESULT, comparison.model_dump_json(indent=1))


def read(folder: Path) -> Comparison | None:
    """The comparison in a folder; None if there is none, or it cannot be read."""
    try:
        return Comparison.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None
