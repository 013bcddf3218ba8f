"""What came of a comparison of backbones: figures with intervals, and what they say in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from core import backbones
from core.dataset import Dataset
from core.evaluation import Estimate, describe
from core.evaluation.report import ReportPart
from core.system import files
from core.training.config import TrainingConfig

RESULT = "bakeoff.json"
FASTER = 0.8
"""A backbone is called faster if it takes less than this share of the other's time."""


class Conditions(ReportPart):
    """What a comparison was made on; under other terms, other pictures or views are compared."""

    seed: int
    validation: float
    test: float
    crop: float
    pictures: str
    """SHA-256 over the pictures, their labels and groups."""


class Candidate(ReportPart):
    """How a backbone did.

    `right` is out of the pictures that took part, each answered by a head not taught on it.
    `behind` is how much less often it was right than the best, on the same pictures; None for
    the best. `milliseconds` is the model's time for one picture, measured on this machine.
    """

    backbone: str
    right: int
    accuracy: Estimate
    behind: Estimate | None
    milliseconds: float
    megabytes: float

    @property
    def as_good(self) -> bool:
        """Whether these pictures cannot tell it from the best."""
        return self.behind is None or self.behind.low <= 0


class Unavailable(ReportPart):
    """A backbone that could not be compared, and why."""

    backbone: str
    why: str


class Comparison(ReportPart):
    """The contenders, the best first."""

    version: Literal[1] = 1
    terms: Conditions
    pictures: int
    held_out: int
    contenders: tuple[Candidate, ...]
    absent: tuple[Unavailable, ...] = ()

    @property
    def sentence(self) -> str:
        """Which is best, and whether a faster one is as good as far as can be told."""
        return _sentence(self)


def conditions_of(dataset: Dataset, config: TrainingConfig) -> Conditions:
    """What a comparison for these pictures and settings would be made on."""
    lines = sorted(f"{e.sha256} {e.label} {e.group} {e.split}" for e in dataset.examples)
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return Conditions(
        seed=config.seed,
        validation=config.validation,
        test=config.test,
        crop=config.crop,
        pictures=digest,
    )


def _sentence(found: Comparison) -> str:
    best, *others = found.contenders
    name = backbones.get(best.backbone).title
    on = f"{describe(best.accuracy)} of {found.pictures:,} pictures"
    if not others:
        return f"{name}, the only one at hand, was right on {on}."
    equals = [one for one in others if one.as_good]
    if not equals:
        return f"{name} was right most often, on {on}. Chance does not explain its lead."
    often = "" if others[0].right == best.right else " most often,"
    are = "is" if len(equals) == 1 else "are"
    told = f"{_listed(equals)} {are} as good, as far as these can tell"
    quickest = min(equals, key=lambda one: one.milliseconds)
    if quickest.milliseconds < FASTER * best.milliseconds:
        who = f"and {_listed([quickest])} is" if len(equals) > 1 else "and"
        told += (
            f", {who} faster: {quickest.milliseconds:.0f} ms a picture against "
            f"{best.milliseconds:.0f}"
        )
    elif best.milliseconds < FASTER * quickest.milliseconds:
        told += ", but slower"
    return f"{name} was right{often} on {on}. {told}."


def _listed(contenders: Sequence[Candidate]) -> str:
    names = [backbones.get(one.backbone).title for one in contenders]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def table(found: Comparison) -> list[str]:
    """The comparison as lines of text, the sentence last."""
    lines = [f"{'backbone':20}  {'right':>16}  {'ms a picture':>12}  {'MB':>6}"]
    for one in found.contenders:
        right = describe(one.accuracy)
        lines.append(
            f"{one.backbone:20}  {right:>16}  {one.milliseconds:12.1f}  {one.megabytes:6.1f}"
        )
    lines += [f"{one.backbone}: {one.why}" for one in found.absent]
    return [*lines, found.sentence]


def write(folder: Path, found: Comparison) -> None:
    """Keep a comparison in a folder, at once."""
    files.write_text(folder / RESULT, found.model_dump_json(indent=1))


def read(folder: Path) -> Comparison | None:
    """The comparison that is kept in a folder; None if there is none that can be read."""
    try:
        return Comparison.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None
