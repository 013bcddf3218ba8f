"""The manifest of a run: which files it consists of, and whether they are unchanged."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from core import __version__
from core.errors import RunDamaged
from core.runs.filenames import MANIFEST
from core.system import files


class Manifest(BaseModel, frozen=True):
    """SHA-256 of every file of a complete run, by its path in the folder.

    Attributes:
        tusker: version of Tusker that completed the run; empty for runs from before version 1.0.
        completed_at: seconds since 1970.
        seconds: duration of the training.
    """

    version: int = 1
    tusker: str = ""
    name: str
    completed_at: float
    seconds: float
    files: dict[str, str]


def exists(folder: Path) -> bool:
    """Whether a folder has a manifest, which is written last."""
    return (folder / MANIFEST).is_file()


def read(folder: Path) -> Manifest:
    """The manifest of a run folder.

    Raises:
        RunDamaged: there is none, or it cannot be read.
    """
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise RunDamaged("This run is not complete, or its manifest is damaged.") from error


def write(
    folder: Path, results: Iterable[Path], *, name: str, completed_at: float, seconds: float
) -> None:
    """Hash the files that a run consists of and write their manifest atomically."""
    manifest = Manifest(
        tusker=__version__,
        name=name,
        completed_at=completed_at,
        seconds=seconds,
        files={path.relative_to(folder).as_posix(): files.sha256(path) for path in sorted(results)},
    )
    files.write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))


def check(folder: Path, names: Iterable[str]) -> None:
    """Compare files with the hashes in the manifest.

    Raises:
        RunDamaged: a file is missing or differs, or there is no manifest.
    """
    listed = read(folder).files
    for name in names:
        path = folder / name
        if not path.is_file() or files.sha256(path) != listed.get(name):
            raise RunDamaged(f"{name} of this run is not the file that the training wrote.")
