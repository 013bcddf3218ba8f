"""The manifest of a run: which files it consists of, and whether they are still the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import RunDamaged
from core.system import files

MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """SHA-256 of every file of a complete run, by its path in the folder."""

    model_config = ConfigDict(frozen=True)

    version: int = 1
    name: str
    completed_at: float
    seconds: float
    files: dict[str, str]


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
    """Hash the files that a run consists of and write their manifest, at once."""
    listed = {path.relative_to(folder).as_posix(): files.sha256(path) for path in sorted(results)}
    manifest = Manifest(name=name, completed_at=completed_at, seconds=seconds, files=listed)
    files.write_text(folder / MANIFEST, manifest.model_dump_json(indent=1))


def check(folder: Path, names: Iterable[str]) -> None:
    """See that these files are the ones that the manifest lists.

    Raises:
        RunDamaged: one is missing or another, or there is no manifest.
    """
    listed = read(folder).files
    for name in names:
        path = folder / name
        if not path.is_file() or files.sha256(path) != listed.get(name):
            raise RunDamaged(f"{name} of this run is not the file that the training wrote.")
