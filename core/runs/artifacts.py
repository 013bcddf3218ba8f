"""The result files of a run folder, each with a reader and a writer."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from core.checks import Finding
from core.checks.labels import LabelIssue
from core.dataset import Dataset
from core.errors import RunDamaged
from core.evaluation import Report
from core.evaluation.inflation import Inflation
from core.evaluation.learning_curve import LearningCurve
from core.evaluation.report import Footprint, OodScores
from core.runs import filenames
from core.runs.annotations import AnnotatedFolder, JsonFile, Origin
from core.runs.verification import Verification
from core.system import files
from core.training.backbone_choice import BackboneChoice
from core.training.config import TrainingConfig
from core.training.feature_choice import FeatureChoice


class RunArtifacts(AnnotatedFolder):
    """The files of a run folder, which can be read even while it is unfinished."""

    config = JsonFile[TrainingConfig](filenames.CONFIG, TrainingConfig)
    """The settings: as requested, then with the backbone and the batch that the training chose.
    Writing them makes the folder a run."""
    dataset = JsonFile[Dataset](filenames.DATASET, Dataset)
    """Classes, files, split."""
    findings = JsonFile[tuple[Finding, ...]](filenames.FINDINGS, tuple[Finding, ...], ())
    """Problems that the checks found in the pictures before the training."""
    origin = JsonFile[Origin | None](filenames.ORIGIN, Origin, None)
    """The run whose training this one repeated, with its corrections; None for other runs."""
    label_issues = JsonFile[tuple[LabelIssue, ...]](
        filenames.LABEL_ISSUES, tuple[LabelIssue, ...], ()
    )
    """Training pictures whose label is likely wrong; empty before the search for them."""
    learning_curve = JsonFile[LearningCurve | None](filenames.LEARNING_CURVE, LearningCurve, None)
    """Whether more pictures would help; None if that was not estimated."""
    inflation = JsonFile[Inflation | None](filenames.INFLATION, Inflation | None, None)
    """By how much an ordinary split would have inflated the score; None without chosen groups."""
    ood_scores = JsonFile[OodScores | None](filenames.OOD_SCORES, OodScores, None)
    """OOD scores of the test pictures; None before they were computed."""
    feature_choice = JsonFile[FeatureChoice | None](filenames.FEATURES, FeatureChoice, None)
    """The comparison by which the features were chosen; None if there was none."""
    backbone_choice = JsonFile[BackboneChoice | None](filenames.BACKBONES, BackboneChoice, None)
    """The comparison by which the backbone was chosen; None if there was none."""
    footprint = JsonFile[Footprint | None](filenames.FOOTPRINT, Footprint, None)
    """Time, size and parameters of the model; None before they were measured."""
    verification = JsonFile[Verification | None](filenames.VERIFICATION, Verification, None)
    """Results of verifying the exported files; None before that."""
    report = JsonFile[Report](filenames.REPORT, Report, checked=True)
    """All figures on the test set."""

    def probabilities(self) -> np.ndarray:
        """(n, k) float32 of the test pictures, in the order of the report.

        Raises:
            RunDamaged: they cannot be read, or differ from the manifest.
        """
        self.check_files(filenames.PROBABILITIES)
        try:
            return np.load(self.path / filenames.PROBABILITIES, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise RunDamaged(f"{filenames.PROBABILITIES} of this run cannot be read.") from error

    def write_report(self, report: Report, probabilities: np.ndarray) -> None:
        """Record the report and the probabilities that it was computed from."""
        with files.replacing(self.path / filenames.PROBABILITIES) as temporary:
            np.save(temporary, probabilities.astype(np.float32))
        files.write_text(self.report.path, report.model_dump_json())

    def thumbnail(self, position: int) -> Path:
        """The thumbnail of test picture number `position` of the report."""
        return self.path / filenames.THUMBNAILS / f"{position:06d}.jpg"

    def write_thumbnails(self, thumbnails: Iterable[bytes]) -> None:
        """Save a thumbnail of each test picture."""
        (self.path / filenames.THUMBNAILS).mkdir(exist_ok=True)
        for position, content in enumerate(thumbnails):
            self.thumbnail(position).write_bytes(content)

    def label_issue_thumbnail(self, position: int) -> Path:
        """The thumbnail of label issue number `position`."""
        return self.path / filenames.THUMBNAILS / f"suspect-{position:06d}.jpg"

    def write_label_issues(
        self, label_issues: tuple[LabelIssue, ...], thumbnails: Iterable[bytes]
    ) -> None:
        """Save the label issues with a thumbnail of each."""
        for position, content in enumerate(thumbnails):
            self.label_issue_thumbnail(position).write_bytes(content)
        self.label_issues.write(label_issues)

    def heatmaps(self) -> np.ndarray | None:
        """(n, 2, h, w) uint8 of the test pictures, as `heatmap.to_uint8` makes them.

        The first map of a picture explains the predicted class, the second the actual one. None
        before they were made.
        """
        try:
            return np.load(self.path / filenames.HEATMAPS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None

    def write_heatmaps(self, heatmaps: np.ndarray) -> None:
        """Save the heat maps."""
        with files.replacing(self.path / filenames.HEATMAPS) as temporary:
            np.save(temporary, heatmaps)
