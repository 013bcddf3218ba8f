"""What can be typed, and what was: files and folders, checked before any work begins."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import BadDataset, BadInput

if TYPE_CHECKING:
    from core.checks import Finding
    from core.dataset import Progress
    from core.intake import Intake
    from core.runs.run import Run
    from core.settings import Settings
    from core.training.config import TrainingConfig

Data = Annotated[Path, typer.Argument(help="A zip of class folders, or such a folder.")]
BackboneName = Annotated[str | None, typer.Option(help="Name of the backbone.")]
ConfigFile = Annotated[
    Path | None, typer.Option(help="JSON file of settings, in place of a preset.")
]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON in place of sentences.")]


def existing(path: Path) -> Path:
    """A zip or a folder to learn from or to be scored on.

    Raises:
        BadInput: nothing is there.
    """
    if not _found(path):
        raise BadInput(f"Expected a zip or a folder at {path}, found nothing there.")
    return path


def picture(path: Path) -> Path:
    """A file to look at; whether it is a picture is for the decoder to say.

    Raises:
        BadInput: it is a folder, or nothing is there.
    """
    if not _found(path):
        raise BadInput("Expected a picture, found nothing there.")
    if path.is_dir():
        raise BadInput("Expected a picture, found a folder.")
    return path


def holds_pictures(path: Path) -> bool:
    """Whether it is a folder or a zip, and so may stand for many pictures."""
    return _found(path) and (path.is_dir() or path.name.lower().endswith(".zip"))


def run(name: str, settings: Settings) -> Run:
    """A run by its id or its folder.

    Raises:
        BadInput: there is none.
    """
    from core import runs

    return runs.get(settings, name) if runs.RUN_ID.fullmatch(name) else runs.open_folder(Path(name))


def new_folder(path: Path, *, beside: Path) -> Path:
    """Where a run may go, before anything is written.

    Raises:
        BadInput: it holds files, cannot be made, or lies among the pictures of `beside`.
    """
    whole = path.absolute()
    there = next(folder for folder in (whole, *whole.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise BadInput(f"Expected a folder for the run at {path}, but none can be made there.")
    if there == whole and any(whole.iterdir()):
        raise BadInput(f"Expected a new or empty folder for the run, but {path} holds files.")
    if beside.is_dir() and beside.resolve() in (whole.resolve(), *whole.resolve().parents):
        raise BadInput(f"Expected a folder for the run outside the pictures, found {path}.")
    return path


def new_file(path: Path) -> Path:
    """Where a table may go, before anything is written.

    Raises:
        BadInput: no file can be written there.
    """
    if _found(path) and not path.is_file():
        what = "a folder" if path.is_dir() else "something that is no file"
        raise BadInput(f"Expected a file to write to at {path}, found {what}.")
    folder = path.absolute().parent
    if not _found(folder) or not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"Expected a file to write to at {path}, but none can be made there.")
    return path


@contextmanager
def ingested(
    data: Path, settings: Settings, progress: Progress, say: Callable[[str], None]
) -> Iterator[tuple[Intake, Path]]:
    """What somebody named, taken in, and the folder of its pictures, both gone after the block.

    Raises:
        BadInput: it cannot be learned from; its sentence says why.
    """
    from core import intake

    with tempfile.TemporaryDirectory(prefix="tusker-") as scratch:
        taken = intake.take_in(data, data.stem, Path(scratch), settings, progress)
        yield unblocked(taken, Path(scratch), say), intake.pictures(Path(scratch))


def configuration(
    preset: str | None, config: Path | None, backbone: str | None, seed: int | None
) -> TrainingConfig:
    """The settings that somebody asked for: a preset, Quick if none is named, or a file.

    Raises:
        BadInput: both are named, or they are not what they should be.
    """
    from core.backbones import DEFAULT
    from core.training import config as room

    if config is None:
        return room.preset(preset or "quick", backbone=backbone or DEFAULT, seed=seed or 0)
    if preset is not None:
        raise BadInput("Expected --preset or --config, found both. Leave one out.")
    read = room.read(config).model_dump(mode="json")
    given = {"backbone": backbone, "seed": seed}
    return room.parse(read | {key: value for key, value in given.items() if value is not None})


def continued(
    start: Path,
    preset: str | None,
    config: Path | None,
    backbone: str | None,
    seed: int | None,
    settings: Settings,
    progress: Progress,
) -> tuple[TrainingConfig, Path]:
    """The settings of a training that goes on from a bundle, and the folder of its model.

    Raises:
        BadInput: the bundle cannot be used, or a backbone is named too.
    """
    from core.bundles import prepared
    from core.training import warm_start

    if backbone is not None:
        raise BadInput("Expected --from or --backbone, found both: a bundle brings its backbone.")
    if not _found(start) or not start.is_file():
        raise BadInput(f"Expected a bundle at {start}, found none there.")
    asked = configuration(preset, config, None, seed)
    folder = prepared.ready(start, settings, progress).path
    return warm_start.configure(asked, folder), folder


def unblocked(taken: Intake, folder: Path, say: Callable[[str], None]) -> Intake:
    """What was taken in, without what keeps it from being learned from; says what was left out.

    Raises:
        BadDataset: nothing can be done about a finding that blocks.
    """
    from core import intake
    from core.checks import Severity

    def blocking(found: Intake) -> list[Finding]:
        return [finding for finding in found.findings if finding.severity is Severity.BLOCKS]

    remedies = [finding.remedy for finding in blocking(taken) if finding.remedy is not None]
    if remedies:
        for finding in blocking(taken):
            say(finding.sentence)
        for remedy in remedies:
            say(f"{remedy.label}: done.")
        taken = intake.apply_remedies(folder, remedies)
    if blocking(taken):
        raise BadDataset(" ".join(finding.sentence for finding in blocking(taken)))
    return taken


def _found(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False
