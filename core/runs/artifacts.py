"""The result files of a run folder, each with a reader and a writer."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core.checks import Finding
from core.checks.labels import LabelIssue
from core.dataset import Dataset
from core.errors import RunDamaged
from core.evaluation import Report
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import Footprint, OodScores
from core.runs import manifest
from core.runs.annotations import AnnotatedFolder, JsonFile, Origin
from core.runs.filenames import (
    CONFIG,
    DATASET,
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
from core.training.config import TrainingConfig


class RunArtifacts(AnnotatedFolder):
    """What can be read of a run folder even while it is unfinished."""

    config = JsonFile[TrainingConfig](CONFIG, TrainingConfig)
    """The settings as requested. Writing them makes the folder a run."""
    dataset = JsonFile[Dataset](DATASET, Dataset)
    """Classes, files, split."""
    findings = JsonFile[tuple[Finding, ...]](FINDINGS, tuple[Finding, ...], ())
    """Problems that the checks found in the pictures before the training."""
    origin = JsonFile[Origin | None](ORIGIN, Origin, None)
    """The run that this one was trained again from, with its corrections; None for others."""
    label_issues = JsonFile[tuple[LabelIssue, ...]](LABEL_ISSUES, tuple[LabelIssue, ...], ())
    """Training pictures whose label is likely wrong; none before the search for them."""
    learning_curve = JsonFile[LearningCurve | None](LEARNING_CURVE, LearningCurve, None)
    """Whether more pictures would help; None if that was not estimated."""
    ood_scores = JsonFile[OodScores | None](OOD_SCORES, OodScores, None)
    """OOD scores of the test pictures; None before they were computed."""
    footprint = JsonFile[Footprint | None](FOOTPRINT, Footprint, None)
    """Time, size and parameters of the model; None before they were measured."""
    verification = JsonFile[Verification | None](VERIFICATION, Verification, None)
    """Results of verifying the exported files; None before that."""

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
        try:
            return Report.from_json((self.path / REPORT).read_bytes())
        except OSError as error:
            raise RunDamaged(f"{REPORT} of this run cannot be read.") from error

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
        files.write_text(self.path / REPORT, report.model_dump_json())

    def thumbnail(self, position: int) -> Path:
        """The thumbnail of test picture number `position` of the report."""
        return self.path / THUMBNAILS / f"{position:06d}.jpg"

    def write_thumbnails(self, thumbnails: Iterable[bytes]) -> None:
        """Save a thumbnail of each test picture."""
        (self.path / THUMBNAILS).mkdir(exist_ok=True)
        for position, content in enumerate(thumbnails):
            self.thumbnail(position).write_bytes(content)

    def label_issue_thumbnail(self, position: int) -> Path:
        """The thumbnail of label issue number `position`."""
        return self.path / THUMBNAILS / f"suspect-{position:06d}.jpg"

    def write_label_issues(
        self, label_issues: tuple[LabelIssue, ...], thumbnails: Iterable[bytes]
    ) -> None:
        """Save the label issues with a thumbnail of each."""
        for position, content in enumerate(thumbnails):
            self.label_issue_thumbnail(position).write_bytes(content)
        self.label_issues.write(label_issues)

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
