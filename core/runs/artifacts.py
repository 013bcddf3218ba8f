"""What a run folder may hold besides its report: each piece is there, or it is not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from core.checks import Finding
from core.checks.labels import LabelIssue
from core.errors import RunDamaged
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import Footprint, OodScores
from core.runs.verification import Verification
from core.system import files

THUMBNAILS = "thumbnails"
SUSPECTS = "suspects.json"
LEARNING_CURVE = "learning_curve.json"
FINDINGS = "findings.json"
ORIGIN = "origin.json"
HEATMAPS = "heatmaps.npy"
UNLIKE = "unlike.json"
FOOTPRINT = "footprint.json"
VERIFICATION = "verification.json"

_SUSPECTS = TypeAdapter(tuple[LabelIssue, ...])
_FINDINGS = TypeAdapter(tuple[Finding, ...])

Parsed = TypeVar("Parsed", bound=BaseModel)


class RunArtifacts:
    """What can be read of a run folder even where it is unfinished."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def label_issues(self) -> tuple[LabelIssue, ...]:
        """Training pictures whose label is likely wrong; none before they were looked for."""
        try:
            return _SUSPECTS.validate_json((self.path / SUSPECTS).read_bytes())
        except (OSError, ValidationError):
            return ()

    def label_issue_thumbnail(self, position: int) -> Path:
        """The small picture of suspect number `position`."""
        return self.path / THUMBNAILS / f"suspect-{position:06d}.jpg"

    def write_label_issues(
        self, label_issues: tuple[LabelIssue, ...], thumbnails: Iterable[bytes]
    ) -> None:
        """Keep the suspects with a small picture of each."""
        for position, content in enumerate(thumbnails):
            self.label_issue_thumbnail(position).write_bytes(content)
        files.write_bytes(self.path / SUSPECTS, _SUSPECTS.dump_json(label_issues))

    def learning_curve(self) -> LearningCurve | None:
        """Whether more pictures would help; None before it was worked out, or if it was not."""
        try:
            return LearningCurve.from_json((self.path / LEARNING_CURVE).read_bytes())
        except (OSError, RunDamaged):
            return None

    def write_learning_curve(self, curve: LearningCurve) -> None:
        """Keep the learning curve."""
        files.write_text(self.path / LEARNING_CURVE, curve.to_json())

    def findings(self) -> tuple[Finding, ...]:
        """What was found wrong with its pictures before it began; none where nothing was kept."""
        try:
            return _FINDINGS.validate_json((self.path / FINDINGS).read_bytes())
        except (OSError, ValidationError):
            return ()

    def write_findings(self, findings: tuple[Finding, ...]) -> None:
        """Keep the findings."""
        files.write_bytes(self.path / FINDINGS, _FINDINGS.dump_json(findings))

    def parsed_origin(self, kind: type[Parsed]) -> Parsed | None:
        """What it was trained again from; None where it was not."""
        return self._optional(kind, ORIGIN)

    def write_origin(self, content: str) -> None:
        """Keep what it was trained again from, as JSON."""
        files.write_text(self.path / ORIGIN, content)

    def heatmaps(self) -> np.ndarray | None:
        """(n, 2, h, w) uint8 of the test pictures, as `heatmap.packed` makes them.

        The first speaks for what was said, the second for what it was. None before they were made.
        """
        try:
            return np.load(self.path / HEATMAPS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def write_heatmaps(self, heatmaps: np.ndarray) -> None:
        """Keep the heat maps."""
        with files.replacing(self.path / HEATMAPS) as temporary, temporary.open("wb") as handle:
            np.save(handle, heatmaps)

    def ood_scores(self) -> OodScores | None:
        """How strange the test pictures are to it; None before that was measured."""
        return self._optional(OodScores, UNLIKE)

    def write_ood_scores(self, unlike: OodScores) -> None:
        """Keep how strange the test pictures are."""
        files.write_text(self.path / UNLIKE, unlike.model_dump_json())

    def footprint(self) -> Footprint | None:
        """What its model takes; None before that was measured."""
        return self._optional(Footprint, FOOTPRINT)

    def write_footprint(self, footprint: Footprint) -> None:
        """Keep what the model takes."""
        files.write_text(self.path / FOOTPRINT, footprint.model_dump_json())

    def verification(self) -> Verification | None:
        """What came of proving the files to take away; None before that."""
        return self._optional(Verification, VERIFICATION)

    def write_verification(self, verification: Verification) -> None:
        """Keep what came of proving them."""
        files.write_text(self.path / VERIFICATION, verification.model_dump_json(indent=1))

    def _optional(self, kind: type[Parsed], name: str) -> Parsed | None:
        try:
            return kind.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError):
            return None
