"""The result files of a run folder, each with a reader and a writer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from core.checks import Finding
from core.checks.labels import LabelIssue
from core.errors import RunDamaged
from core.evaluation import Report
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import Footprint, OodScores
from core.runs import manifest
from core.runs.annotations import AnnotatedFolder, Origin
from core.runs.filenames import (
    FINDINGS,
    FOOTPRINT,
    HEATMAPS,
    LABEL_ISSUES,
    LEARNING_CURVE,
    OOD_SCORES,
    ORIGIN,
    PROBABILITIES,
    REPORT,
    THUMBNAILS,
    VERIFICATION,
)
from core.runs.manifest import Manifest
from core.runs.verification import Verification
from core.system import files

_LABEL_ISSUES = TypeAdapter(tuple[LabelIssue, ...])
_FINDINGS = TypeAdapter(tuple[Finding, ...])

Parsed = TypeVar("Parsed", bound=BaseModel)
Item = TypeVar("Item")


class RunArtifacts(AnnotatedFolder):
    """What can be read of a run folder even while it is unfinished."""

    def manifest(self) -> Manifest:
        """The files of a complete run.

        Raises:
            RunDamaged: the run is not complete, or its manifest cannot be read.
        """
        return manifest.read(self.path)

    def report(self) -> Report:
        """The report.

        Raises:
            RunDamaged: it cannot be read, or differs from the manifest.
        """
        if self.complete:
            manifest.check(self.path, [REPORT])
        return Report.from_json(self._read(REPORT))

    def probabilities(self) -> np.ndarray:
        """(n, k) float32 of the test pictures, in the order of the report.

        Raises:
            RunDamaged: they cannot be read, or differ from the manifest.
        """
        if self.complete:
            manifest.check(self.path, [PROBABILITIES])
        try:
            return np.load(self.path / PROBABILITIES, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise RunDamaged(f"{PROBABILITIES} of this run cannot be read.") from error

    def write_report(self, report: Report, probabilities: np.ndarray) -> None:
        """Record the report and the probabilities that it was computed from."""
        with (
            files.replacing(self.path / PROBABILITIES) as temporary,
            temporary.open("wb") as handle,
        ):
            np.save(handle, probabilities.astype(np.float32))
        files.write_text(self.path / REPORT, report.to_json())

    def thumbnail(self, position: int) -> Path:
        """The thumbnail of test picture number `position` of the report."""
        return self.path / THUMBNAILS / f"{position:06d}.jpg"

    def write_thumbnails(self, thumbnails: Iterable[bytes]) -> None:
        """Save a thumbnail of each test picture."""
        (self.path / THUMBNAILS).mkdir(exist_ok=True)
        for position, content in enumerate(thumbnails):
            self.thumbnail(position).write_bytes(content)

    def label_issues(self) -> tuple[LabelIssue, ...]:
        """Training pictures whose label is likely wrong; none before the search for them."""
        return self._list(_LABEL_ISSUES, LABEL_ISSUES)

    def label_issue_thumbnail(self, position: int) -> Path:
        """The thumbnail of label issue number `position`."""
        return self.path / THUMBNAILS / f"suspect-{position:06d}.jpg"

    def write_label_issues(
        self, label_issues: tuple[LabelIssue, ...], thumbnails: Iterable[bytes]
    ) -> None:
        """Save the label issues with a thumbnail of each."""
        for position, content in enumerate(thumbnails):
            self.label_issue_thumbnail(position).write_bytes(content)
        files.write_bytes(self.path / LABEL_ISSUES, _LABEL_ISSUES.dump_json(label_issues))

    def learning_curve(self) -> LearningCurve | None:
        """Whether more pictures would help; None if that was not estimated."""
        return self._optional(LearningCurve, LEARNING_CURVE)

    def write_learning_curve(self, curve: LearningCurve) -> None:
        """Save the learning curve."""
        files.write_text(self.path / LEARNING_CURVE, curve.to_json())

    def findings(self) -> tuple[Finding, ...]:
        """Problems that the checks found in the pictures before the training."""
        return self._list(_FINDINGS, FINDINGS)

    def write_findings(self, findings: tuple[Finding, ...]) -> None:
        """Save the findings."""
        files.write_bytes(self.path / FINDINGS, _FINDINGS.dump_json(findings))

    def origin(self) -> Origin | None:
        """The run that this one was trained again from, with its corrections; None for others."""
        return self._optional(Origin, ORIGIN)

    def write_origin(self, origin: Origin) -> None:
        """Save the origin."""
        files.write_text(self.path / ORIGIN, origin.model_dump_json())

    def heatmaps(self) -> np.ndarray | None:
        """(n, 2, h, w) uint8 of the test pictures, as `heatmap.packed` makes them.

        The first map of a picture explains the predicted class, the second the actual one. None
        before they were made.
        """
        try:
            return np.load(self.path / HEATMAPS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def write_heatmaps(self, heatmaps: np.ndarray) -> None:
        """Save the heat maps."""
        with files.replacing(self.path / HEATMAPS) as temporary, temporary.open("wb") as handle:
            np.save(handle, heatmaps)

    def ood_scores(self) -> OodScores | None:
        """OOD scores of the test pictures; None before they were computed."""
        return self._optional(OodScores, OOD_SCORES)

    def write_ood_scores(self, scores: OodScores) -> None:
        """Save the OOD scores of the test pictures."""
        files.write_text(self.path / OOD_SCORES, scores.model_dump_json())

    def footprint(self) -> Footprint | None:
        """Time, size and parameters of the model; None before they were measured."""
        return self._optional(Footprint, FOOTPRINT)

    def write_footprint(self, footprint: Footprint) -> None:
        """Save the footprint of the model."""
        files.write_text(self.path / FOOTPRINT, footprint.model_dump_json())

    def verification(self) -> Verification | None:
        """Results of verifying the exported files; None before that."""
        return self._optional(Verification, VERIFICATION)

    def write_verification(self, verification: Verification) -> None:
        """Save the results of the verification."""
        files.write_text(self.path / VERIFICATION, verification.model_dump_json(indent=1))

    def _optional(self, kind: type[Parsed], name: str) -> Parsed | None:
        try:
            return kind.model_validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError):
            return None

    def _list(self, kind: TypeAdapter[tuple[Item, ...]], name: str) -> tuple[Item, ...]:
        try:
            return kind.validate_json((self.path / name).read_bytes())
        except (OSError, ValidationError):
            return ()

    def _parsed(self, kind: type[Parsed], name: str) -> Parsed:
        try:
            return kind.model_validate_json(self._read(name))
        except ValidationError as error:
            raise RunDamaged(f"{name} of this run is damaged.") from error

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise RunDamaged(f"{name} of this run cannot be read.") from error
