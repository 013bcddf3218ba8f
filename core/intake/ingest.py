"""Take in an upload: unpack the pictures, examine them and keep the result in a folder.

An intake folder contains

    pictures/       the unpacked pictures under generated names, and their fingerprints
    thumbnails/     one JPEG per picture, `<SHA-256 of the picture>.jpg`
    intake.json     the dataset and the findings; written last: a folder without it is unfinished
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core import checks
from core import dataset as datasets
from core.checks import Finding, Remedy, Severity
from core.checks.findings import apply
from core.dataset import Dataset, Example, Progress
from core.errors import BadDataset
from core.settings import Settings
from core.system import files

FILE, PICTURES, THUMBNAILS = "intake.json", "pictures", "thumbnails"


class Intake(BaseModel, frozen=True):
    """A dataset and its findings, the most severe first.

    `notes` are the findings that came with the upload because checks cannot detect them, for
    example how the pictures were captured.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()


def take_in(
    source: Path,
    name: str,
    folder: Path,
    settings: Settings,
    progress: Progress | None = None,
    notes: Iterable[Finding] = (),
) -> Intake:
    """Take in a zip or a folder of class folders.

    Args:
        source: the upload; not changed.
        name: of the dataset.
        folder: the intake folder, created if missing.
        settings: the limits.
        progress: called with the current step, the finished items and their total.
        notes: findings to report along with those of the checks.

    Raises:
        BadInput: the upload cannot be used.
        Cancelled: by `progress`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = datasets.read(
        source, pictures(folder), settings, progress, name=name, thumbnails=folder / THUMBNAILS
    )
    dataset, findings = checks.examine(dataset, pictures(folder), settings, progress)
    intake = _intake(dataset, findings, tuple(notes))
    files.write_text(folder / FILE, intake.model_dump_json())
    return intake


def load(folder: Path) -> Intake:
    """Read the result of `take_in`.

    Raises:
        BadDataset: the folder is unfinished or damaged.
    """
    try:
        return Intake.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error


def apply_remedies(folder: Path, remedies: Iterable[Remedy], settings: Settings) -> Intake:
    """The intake after some remedies; nothing on disk changes.

    Raises:
        BadDataset: the folder is unfinished or damaged.
    """
    intake = load(folder)
    dataset = apply(intake.dataset, remedies)
    return _intake(dataset, checks.run_checks(dataset, pictures(folder), settings), intake.notes)


def pictures(folder: Path) -> Path:
    """The folder that the paths of an intake's examples are relative to."""
    return folder / PICTURES


def thumbnail(folder: Path, example: Example) -> Path:
    """Path of an example's thumbnail."""
    return folder / THUMBNAILS / datasets.thumbnail_name(example.sha256)


def _intake(dataset: Dataset, findings: tuple[Finding, ...], notes: tuple[Finding, ...]) -> Intake:
    severities = list(Severity)
    ordered = sorted(notes + findings, key=lambda finding: severities.index(finding.severity))
    return Intake(dataset=dataset, findings=tuple(ordered), notes=notes)
