"""Take in an upload: unpack it, look at every picture, examine the whole, and keep the outcome.

An intake is a folder that holds

    pictures/         the pictures of a zip, under generated names, and what was seen of them
    thumbnails/       a small JPEG of each, `<SHA-256 of the picture>.jpg`
    dataset.json      the dataset, with groups
    notes.json        findings of those who brought the pictures, if they know more than can be seen
    findings.json     the findings; written last, so that a folder without it is unfinished
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from core import checks
from core import dataset as datasets
from core.checks import Finding, Remedy, Severity
from core.checks.findings import apply
from core.dataset import Dataset, Example, Progress
from core.errors import BadDataset
from core.settings import Settings
from core.system import files

PICTURES, THUMBNAILS = "pictures", "thumbnails"
DATASET, FINDINGS, NOTES = "dataset.json", "findings.json", "notes.json"

_FINDINGS = TypeAdapter(tuple[Finding, ...])


class Intake(BaseModel):
    """A dataset and what was found about it."""

    model_config = ConfigDict(frozen=True)

    dataset: Dataset
    findings: tuple[Finding, ...]


def take_in(
    source: Path, name: str, folder: Path, settings: Settings, progress: Progress | None = None
) -> Intake:
    """Take in a zip or a folder of class folders.

    Args:
        source: the upload, as it lies on disk; it is not changed.
        name: what the visitor calls it.
        folder: where the intake is kept; made if missing.
        settings: the limits.
        progress: called with what is done, how many, and of how many; may raise `Cancelled`.

    Raises:
        BadInput: the upload cannot be used; its sentence says why.
        Cancelled: by `progress`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = datasets.read(
        source,
        pictures(folder),
        settings,
        progress,
        name=name,
        thumbnails=folder / THUMBNAILS,
    )
    dataset, findings = checks.examine(dataset, pictures(folder), progress)
    files.write_text(folder / DATASET, dataset.model_dump_json())
    files.write_bytes(folder / FINDINGS, _FINDINGS.dump_json(findings))
    return Intake(dataset=dataset, findings=findings)


def load(folder: Path) -> Intake:
    """Read what `take_in` kept.

    Raises:
        BadDataset: the folder is unfinished or damaged.
    """
    try:
        findings = _noted(folder, _FINDINGS.validate_json((folder / FINDINGS).read_bytes()))
        dataset = Dataset.model_validate_json((folder / DATASET).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error
    return Intake(dataset=dataset, findings=findings)


def remedied(folder: Path, remedies: Iterable[Remedy]) -> Intake:
    """The intake as it would be after some remedies; nothing on disk changes.

    Raises:
        BadDataset: as in `load`.
    """
    dataset = apply(load(folder).dataset, remedies)
    judged = checks.judge(dataset, pictures(folder))
    return Intake(dataset=dataset, findings=_noted(folder, judged))


def note(folder: Path, findings: tuple[Finding, ...]) -> None:
    """Have findings told with those that will be found, before a folder is taken in."""
    files.write_bytes(folder / NOTES, _FINDINGS.dump_json(findings))


def _noted(folder: Path, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """With those that were known before, the gravest first."""
    file = folder / NOTES
    if not file.is_file():
        return findings
    every = _FINDINGS.validate_json(file.read_bytes()) + findings
    return tuple(sorted(every, key=lambda finding: list(Severity).index(finding.severity)))


def pictures(folder: Path) -> Path:
    """What the paths of an intake's examples are relative to."""
    return folder / PICTURES


def thumbnail(folder: Path, example: Example) -> Path:
    """Where the small picture of an example is."""
    return folder / THUMBNAILS / datasets.thumbnail_name(example.sha256)
