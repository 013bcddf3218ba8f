"""Ingest an upload: unpack the pictures, examine them and store the result in a folder.

An intake folder contains

    pictures/       the unpacked pictures under generated names, and their fingerprints
    thumbnails/     one JPEG per picture, `<SHA-256 of the picture>.jpg`
    intake.json     the dataset and the findings; written last: a folder without it is unfinished
    added-….json    a dataset of pictures that were added later
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core import checks
from core import dataset as datasets
from core.archive import sources
from core.archive.unpacking import Member
from core.checks import Finding, Remedy, Severity
from core.checks.remedies import READINGS, apply
from core.dataset import Dataset, Example, grouping, tables
from core.dataset.examples import Column
from core.dataset.fingerprints import Fingerprints
from core.dataset.grouping import GroupSource, Suggestion
from core.dataset.interpretation import ClassExpectation
from core.dataset.reading import check_limits
from core.errors import BadDataset, BadInput
from core.images import Scale
from core.settings import MEGABYTE, Settings
from core.system import files
from core.system.progress import Progress, ignore
from core.system.prose import count, listed

FILE, PICTURES, THUMBNAILS, ADDED = "intake.json", "pictures", "thumbnails", "added-"


class Intake(BaseModel, frozen=True):
    """A dataset and its findings, the most severe first.

    Attributes:
        notes: the findings that came with the upload because checks cannot detect them, for
            example how the pictures were captured, or how folders were read.
        groupings: ways to group the pictures that were detected.
        columns: of tables in the upload by which pictures can be grouped.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...] = ()
    groupings: tuple[Suggestion, ...] = ()
    columns: tuple[Column, ...] = ()


def ingest(
    source: Path,
    name: str,
    folder: Path,
    settings: Settings,
    progress: Progress = ignore,
    notes: Iterable[Finding] = (),
    *,
    expect_classes: ClassExpectation = "several",
    scale: Scale | None = None,
) -> Intake:
    """Ingest a zip or a folder of class folders.

    Args:
        source: the upload; not changed.
        folder: the intake folder, created if missing.
        notes: findings to report along with those of the checks.
        expect_classes: how to find classes, as in `dataset.interpretation`.
        scale: brightness scale of pictures of more than 8 bits; None to derive it from them.

    Raises:
        BadInput: the upload cannot be used.
        Cancelled: by `progress`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reading = datasets.read(
        source,
        pictures(folder),
        settings,
        progress,
        name=sources.readable_path(Path(name)),
        thumbnails=folder / THUMBNAILS,
        expect_classes=expect_classes,
        scale=scale,
    )
    notes = (*notes, *reading.notes)
    dataset, findings = checks.examine(reading.dataset, pictures(folder), settings, progress)
    intake = Intake(
        dataset=dataset,
        findings=_by_severity(notes + findings),
        notes=notes,
        groupings=grouping.suggest(dataset, reading.columns),
        columns=reading.columns,
    )
    files.write_text(folder / FILE, intake.model_dump_json())
    return intake


def load(folder: Path) -> Intake:
    """Read the result of `ingest`.

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
    intake, remedies = load(folder), list(remedies)
    keys = [key for remedy in remedies if remedy.kind == "add" for key in remedy.files]
    added = {key: _load_added(folder, key) for key in keys}
    dataset = apply(intake.dataset, remedies, added)
    if added:  # may be near-duplicates of earlier pictures
        dataset, findings = checks.examine(dataset, pictures(folder), settings)
    else:
        findings = checks.run_checks(dataset, pictures(folder), settings)
    applied = {remedy.kind for remedy in remedies}
    if "rename" in applied:  # the encoding of the old names no longer matters
        applied.add("decode")
    notes = tuple(n for n in intake.notes if n.remedy is None or n.remedy.kind not in applied)
    update: dict[str, object] = {"dataset": dataset, "findings": _by_severity(notes + findings)}
    if applied & READINGS:  # folders that were classes may be groups now
        detected = grouping.suggest(dataset, intake.columns)
        known = {suggestion.by for suggestion in detected}
        others = (g for g in intake.groupings if g.by not in known)
        of_tables = (g for g in others if GroupSource.parse(g.by).kind == "column")
        update["groupings"] = (*detected, *of_tables)
    return intake.model_copy(update=update)


def group(intake: Intake, by: str, table: Path | None = None) -> Intake:
    """The intake with its pictures grouped, and a finding that describes the groups.

    Args:
        by: source of the groups, as in `dataset.grouping`.
        table: the file, if `by` is a column of a table that is not in the upload.

    Raises:
        BadInput: the pictures cannot be grouped by that.
    """
    columns = intake.columns
    if table is not None:
        if not table.is_file():
            raise BadInput(f"Expected a table at {table}; found none there.")
        by = f"{table.name}:{GroupSource.parse(by).column}"
        columns = _columns(table, table.name, [intake.dataset], by)
    dataset = grouping.group(intake.dataset, by, columns)
    findings = _by_severity((checks.describe_groups(dataset), *intake.findings))
    return intake.model_copy(update={"dataset": dataset, "findings": findings})


def add(folder: Path, addition: Path, label: str, settings: Settings) -> Remedy:
    """Move the pictures of an intake folder into another one; a remedy makes them part of it.

    Args:
        addition: the other intake folder; deleted.
        label: class of all its pictures; empty to keep their classes.

    Returns:
        That remedy, which was not applied yet.

    Raises:
        BadDataset: a folder is unfinished or damaged, or there are no pictures to add.
        LimitExceeded: there would be too many classes or pictures.
    """
    added, key = load(addition).dataset, addition.name
    if not added.examples:
        why = f" {added.skipped[0].name}: {added.skipped[0].reason}" if added.skipped else ""
        raise BadDataset(f"No readable pictures in what was added.{why}")
    before = _all_datasets(folder)
    prefix = f"added {len(before)}/"  # names are unique
    examples = tuple(
        example.model_copy(update={"name": prefix + example.name, "path": f"{key}/{example.path}"})
        for example in added.examples
    )
    classes = (label,) if label else added.classes
    added = added.model_copy(update={"classes": classes, "examples": examples})
    counts = Counter(part.classes[e.label] for part in (*before, added) for e in part.examples)
    check_limits(before[0].name, counts, settings)
    pictures(addition).rename(pictures(folder) / key)
    for path in (addition / THUMBNAILS).iterdir():
        path.replace(folder / THUMBNAILS / path.name)
    prints = [Fingerprints.load(path) for path in (pictures(folder), pictures(folder) / key)]
    if prints[0] and prints[1]:  # otherwise they are computed again
        prints[0].with_those_of(prints[1]).save(pictures(folder))
    files.write_text(folder / f"{ADDED}{key}.json", added.model_dump_json())
    files.remove(addition)
    label = f"Add {count(len(examples), 'picture')} to {listed(classes)}"
    return Remedy(kind="add", label=label, files=(key,))


def add_table(folder: Path, table: Path, name: str) -> str:
    """Read a table that was uploaded later: its columns can then group the pictures of an upload.

    Returns:
        The column to group by, as in `dataset.grouping`.

    Raises:
        BadDataset: the folder is unfinished or damaged.
        BadInput: no column of the table groups the pictures.
    """
    intake = load(folder)
    new_columns = _columns(table, name, _all_datasets(folder))
    names_of_new = {column.name for column in new_columns}
    others = (column for column in intake.columns if column.name not in names_of_new)
    columns = (*new_columns, *others)
    detected = grouping.suggest(intake.dataset, columns)
    suggested = {suggestion.by for suggestion in detected}
    further = tuple(
        Suggestion.of(c.name, c.groups.values()) for c in new_columns if c.name not in suggested
    )
    intake = intake.model_copy(update={"columns": columns, "groupings": detected + further})
    files.write_text(folder / FILE, intake.model_dump_json())
    return next((c.name for c in new_columns if c.name in suggested), new_columns[0].name)


def pictures(folder: Path) -> Path:
    """The folder that the paths of an intake's examples are relative to."""
    return folder / PICTURES


def thumbnail(folder: Path, example: Example) -> Path:
    """Path of an example's thumbnail."""
    return folder / THUMBNAILS / datasets.thumbnail_name(example.sha256)


def _columns(
    table: Path, name: str, parts: Iterable[Dataset], wanted: str = ""
) -> tuple[Column, ...]:
    """Columns of a table of some name that group pictures, or the wanted one.

    Raises:
        BadInput: there are none.
    """
    names = [example.name for part in parts for example in part.examples]
    files = [Member(name=name, path=table)]
    columns = tables.columns(names, files, wanted)
    if not columns:
        other = f"the column {wanted.rpartition(':')[2]}" if wanted else "one"
        titles = [column.name.rpartition(":")[2] for column in tables.columns(names, files)]
        raise BadInput(
            f"Expected a table (.csv or .tsv) of up to {tables.LARGEST // MEGABYTE} MB with a "
            f"column of file names, such as {names[0]}, and {other} that gives several of them the "
            f"same value; found {listed(titles) or 'none'} in {name}."
        )
    return columns


def _all_datasets(folder: Path) -> list[Dataset]:
    """The dataset of an intake, and those that were added to it."""
    keys = (path.stem.removeprefix(ADDED) for path in folder.glob(f"{ADDED}*"))
    return [load(folder).dataset, *(_load_added(folder, key) for key in keys)]


def _load_added(folder: Path, key: str) -> Dataset:
    """Pictures that were added to an intake later.

    Raises:
        BadDataset: there are none of this id.
    """
    try:
        return Dataset.model_validate_json((folder / f"{ADDED}{key}.json").read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("The pictures that were added are gone. Upload them again.") from error


def _by_severity(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    severities = list(Severity)
    return tuple(sorted(findings, key=lambda finding: severities.index(finding.severity)))
