"""The result of a comparison of backbones: figures with intervals, and a summary in words."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

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


class Candidate(ReportPart):
    """The figures of one backbone.

    `right` counts the pictures predicted correctly out of fold. `behind` is the difference in
    accuracy to the best backbone, on the same pictures, and `p` its p-value, adjusted for multiple
    comparisons; both are None for the best. `milliseconds` is the time for one picture on this
    machine.
    """

    backbone: str
    right: int
    accuracy: Estimate
    behind: Estimate | None
    p: float | None = None
    milliseconds: float
    megabytes: float

    @property
    def as_good(self) -> bool:
        """Whether the difference to the best is not significant."""
        if self.behind is None or self.p is None:  # without p: of an earlier version
            return self.behind is None or self.behind.low <= 0
        return self.p >= ALPHA


class Unavailable(ReportPart):
    """A backbone that could not be compared, with the reason."""

    backbone: str
    why: str


class Comparison(ReportPart):
    """All backbones, the best first."""

    version: Literal[1] = 1
    terms: Conditions
    pictures: int
    held_out: int
    contenders: tuple[Candidate, ...]
    absent: tuple[Unavailable, ...] = ()

    @property
    def sentence(self) -> str:
        """Which backbone is best, and whether a faster one is about as good."""
        best, *others = self.contenders
        name = backbones.get(best.backbone).title
        on = f"{describe(best.accuracy)} of {self.pictures:,} pictures"
        if not others:
            return f"{name}, the only one available, was correct on {on}."
        equals = [candidate for candidate in others if candidate.as_good]
        if not equals:
            return f"{name} was correct most often, on {on}. Chance alone seldom gives such a lead."
        most_often = "" if others[0].right == best.right else " most often,"
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
    for candidate in comparison.contenders:
        right = describe(candidate.accuracy)
        cost = f"{candidate.milliseconds:14.1f}  {candidate.megabytes:6.1f}"
        lines.append(f"{candidate.backbone:20}  {right:>16}  {cost}")
    lines += [f"{missing.backbone}: {missing.why}" for missing in comparison.absent]
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
