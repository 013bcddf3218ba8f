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
from core.archive import sources
from core.checks import Finding, Remedy, Severity
from core.checks.findings import apply
from core.dataset import Dataset, Example, Progress, grouping, tables
from core.dataset.examples import Column
from core.dataset.grouping import Suggestion
from core.errors import BadDataset
from core.images import Scale
from core.settings import Settings
from core.system import files

FILE, PICTURES, THUMBNAILS = "intake.json", "pictures", "thumbnails"


class Intake(BaseModel, frozen=True):
    """A dataset and its findings, the most severe first.

    Attributes:
        notes: the findings that came with the upload because checks cannot detect them, for
            example how the pictures were captured.
        groupings: ways to group the pictures that were detected.
        columns: of tables in the upload by which pictures can be grouped.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    groupings: tuple[Suggestion, ...] = ()
    columns: tuple[Column, ...] = ()


def take_in(
    source: Path,
    name: str,
    folder: Path,
    settings: Settings,
    progress: Progress | None = None,
    notes: Iterable[Finding] = (),
    *,
    fewest_classes: int = 2,
    scale: Scale | None = None,
) -> Intake:
    """Take in a zip or a folder of class folders.

    Args:
        source: the upload; not changed.
        name: of the dataset.
        folder: the intake folder, created if missing.
        settings: the limits.
        progress: called with the current step, the finished items and their total.
        notes: findings to report along with those of the checks.
        fewest_classes: that are accepted.
        scale: of pictures of more than 8 bits; None to find one for these.

    Raises:
        BadInput: the upload cannot be used.
        Cancelled: by `progress`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    dataset = datasets.read(
        source,
        pictures(folder),
        settings,
        progress,
        name=sources.printable(Path(name)),
        thumbnails=folder / THUMBNAILS,
        fewest_classes=fewest_classes,
        scale=scale,
    )
    dataset, findings = checks.examine(dataset, pictures(folder), settings, progress)
    intake = Intake(
        dataset=dataset,
        findings=_ordered((*notes, *findings)),
        notes=tuple(notes),
        groupings=grouping.suggest(dataset),
        columns=dataset.columns,
    )
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
    findings = checks.run_checks(dataset, pictures(folder), settings)
    return intake.model_copy(
        update={"dataset": dataset, "findings": _ordered(intake.notes + findings)}
    )


def group(intake: Intake, by: str, table: Path | None = None) -> Intake:
    """The intake with its pictures grouped, and a finding that describes the groups.

    Args:
        by: what groups are taken from, as in `dataset.grouping`.
        table: the file, if `by` is a column of a table that is not in the upload.

    Raises:
        BadInput: the pictures cannot be grouped by that.
    """
    columns = intake.columns
    if table is not None:
        names = [example.name for example in intake.dataset.examples]
        columns = (tables.column(table, by.rpartition(":")[2], names),)
        by = columns[0].name
    dataset = intake.dataset.model_copy(update={"columns": columns})
    dataset = grouping.group(dataset, by)
    findings = _ordered((checks.describe_groups(dataset), *intake.findings))
    return intake.model_copy(update={"dataset": dataset, "findings": findings})


def pictures(folder: Path) -> Path:
    """The folder that the paths of an intake's examples are relative to."""
    return folder / PICTURES


def thumbnail(folder: Path, example: Example) -> Path:
    """Path of an example's thumbnail."""
    return folder / THUMBNAILS / datasets.thumbnail_name(example.sha256)


def _ordered(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    severities = list(Severity)
    return tuple(sorted(findings, key=lambda finding: severities.index(finding.severity)))
