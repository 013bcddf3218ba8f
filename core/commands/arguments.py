"""Command-line arguments and their parsing; files and folders are checked before work begins."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core import settings as settings_module
from core.errors import BadDataset, BadInput
from core.settings import Settings
from core.system.prose import listed

if TYPE_CHECKING:
    from core.checks import Remedy
    from core.intake import Intake
    from core.runs.run import Run
    from core.system.progress import Progress
    from core.training.config import TrainingConfig

Data = Annotated[
    Path, typer.Argument(help="A zip, tar or 7z of class folders, or a folder of them.")
]
BackboneName = Annotated[
    str | None,
    typer.Option(
        help="Name of the backbone. Default: that of --config, or efficientnet-lite0. Balanced and "
        "Best compare it with the built-in ones."
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(help="JSON file of settings, such as config.json of a run; instead of a preset."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="Random seed.")]
GroupBy = Annotated[
    str,
    typer.Option(
        help="Keep pictures of one group together in training or test: folder, prefix (of the file "
        "name), day, device (both from EXIF), or FILE.csv:column."
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        min=0.01,
        help="Time budget: fine-tuning and comparisons that are expected not to fit are left out. "
        "Best has 5 minutes by default.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")]

_exists = os.path.exists  # unlike `Path.exists`, False for a name that no file can have

SUGGESTED = 3
"""Largest number of detected ways to group pictures that are suggested."""


def load_settings() -> Settings:
    """The settings from the environment, in personal mode: users of a shell may see all runs."""
    return settings_module.load().model_copy(update={"mode": "personal"})


def existing(path: Path) -> Path:
    """A zip or folder of pictures.

    Raises:
        BadInput: it does not exist.
    """
    if not _exists(path):
        raise BadInput(f"Expected an archive or a folder at {path}, found nothing there.")
    return path


def run(name: str, settings: Settings) -> Run:
    """A run by its id or its folder.

    Raises:
        BadInput: there is none.
    """
    from core import runs

    return runs.get(settings, name) if runs.RUN_ID.fullmatch(name) else runs.open_folder(Path(name))


def new_folder(path: Path, *, outside: Path | None = None) -> Path:
    """A folder to fill, checked before anything is written.

    Raises:
        BadInput: it holds files, cannot be made, or lies among the pictures of `outside`.
    """
    from core.archive.sources import readable_path

    absolute = path.absolute()
    if readable_path(absolute) != str(absolute):
        raise BadInput(f"Expected a folder with a name in UTF-8, found {readable_path(path)}.")
    parent = next(folder for folder in (absolute, *absolute.parents) if _exists(folder))
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise BadInput(f"Expected a new or empty folder at {path}, but none can be made there.")
    if parent == absolute and any(absolute.iterdir()):
        raise BadInput(f"Expected a new or empty folder at {path}, but it holds files.")
    if outside and outside.is_dir() and absolute.resolve().is_relative_to(outside.resolve()):
        raise BadInput(f"Expected a folder for the run outside the pictures, found {path}.")
    return path


def new_file(path: Path) -> Path:
    """A file for a table or a bundle, checked before anything is written.

    Raises:
        BadInput: no file can be written there.
    """
    if _exists(path) and not path.is_file():
        kind = "a folder" if path.is_dir() else "something that is no file"
        raise BadInput(f"Expected a file to write to at {path}, found {kind}.")
    folder = path.absolute().parent
    if not _exists(folder) or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"Expected a file to write to at {path}, but none can be made there.")
    return path


@contextmanager
def ingested(
    data: Path,
    settings: Settings,
    progress: Progress,
    say: Callable[[str], None],
    group_by: str = "",
) -> Iterator[tuple[Intake, Path]]:
    """Ingest a zip or folder; yields the intake and its folder of pictures, removed afterwards.

    The remedies of findings that block training are applied; `say` is called with a sentence on
    what they left out.

    Args:
        group_by: source of the groups of pictures, as in `dataset.grouping`; empty for none.

    Raises:
        BadInput: it cannot be learned from.
    """
    from core import intake
    from core.archive.sources import readable_path, stem
    from core.checks import Severity
    from core.dataset.grouping import GroupSource

    if group_by:
        GroupSource.parse(group_by)  # refused before the pictures are read
    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        folder = Path(scratch)
        name = stem(readable_path(Path(data.name)))
        examined = intake.ingest(existing(data), name, folder, settings, progress)
        examined = grouped(unblocked(examined, folder, settings, say), group_by, say)
        for finding in examined.findings:
            kind = "Warning" if finding.severity is Severity.WARNS else "Note"
            say(f"{kind}: {finding.sentence}")
        report_left_out(examined, say)
        yield examined, intake.pictures(folder)


def configuration(
    preset: str | None, config: Path | None, backbone: str | None, seed: int | None
) -> TrainingConfig:
    """The configuration by preset, Quick by default, or from a file.

    Raises:
        BadInput: both are given, or one of them is invalid.
    """
    from core.backbones import DEFAULT
    from core.training import config as training_config

    if config is None:
        return training_config.preset(
            preset or "quick", backbone=backbone or DEFAULT, seed=seed or 0
        )
    if preset is not None:
        raise BadInput("Expected --preset or --config, found both. Leave one out.")
    values = training_config.read(config).model_dump(mode="json")
    options = {"backbone": backbone, "seed": seed}
    return training_config.parse(
        values | {name: value for name, value in options.items() if value is not None}
    )


def unblocked(
    examined: Intake, folder: Path, settings: Settings, say: Callable[[str], None]
) -> Intake:
    """The intake after the remedies for all findings that block training; says what was left out.

    Raises:
        BadDataset: a finding that blocks has no remedy.
    """
    from core import intake
    from core.checks import Severity
    from core.dataset.findings import resolved_next

    remedies: list[Remedy] = []
    while new := resolved_next(examined.findings, remedies):
        for finding, remedy in new:
            say(f"{finding.sentence} {remedy.label}: done.")
            remedies.append(remedy)
        examined = intake.apply_remedies(folder, remedies, settings)
    blocking = [f for f in examined.findings if f.severity is Severity.BLOCKS]
    if blocking:
        raise BadDataset(" ".join(finding.sentence for finding in blocking))
    return examined


def grouped(examined: Intake, by: str, say: Callable[[str], None]) -> Intake:
    """The intake with its pictures grouped; without a way to group, says which were detected.

    Raises:
        BadInput: the pictures cannot be grouped by that.
    """
    from core import intake
    from core.dataset.grouping import GroupSource

    if not by:
        for suggestion in examined.groupings[:SUGGESTED]:
            say(
                f"Note: {suggestion.sentence}. If pictures of one group resemble each other, the "
                f"score is only fair with --group-by {shlex.quote(suggestion.by)}"
            )
        return examined
    source = GroupSource.parse(by)
    detected = {column.name for column in examined.columns}
    outside = source.file and (_exists(Path(source.file)) or str(source) not in detected)
    return intake.group(examined, by, Path(source.file) if outside else None)


def report_left_out(examined: Intake, say: Callable[[str], None]) -> None:
    """Say what was left out and why, a line for each reason."""
    from core.archive.inspection import CLUTTER

    reasons: defaultdict[str, list[str]] = defaultdict(list)
    for skipped in examined.dataset.skipped:
        if skipped.reason != CLUTTER:
            reasons[skipped.reason].append(skipped.name)
    for reason, names in reasons.items():
        say(f"Left out: {listed(names)}. {reason}")


def as_values(examined: Intake) -> dict[str, object]:
    """Findings and what was left out, for JSON."""
    return {
        "findings": [
            {"severity": finding.severity, "code": finding.code, "text": finding.sentence}
            for finding in examined.findings
        ],
        "left_out": [entry.model_dump() for entry in examined.dataset.skipped],
    }
