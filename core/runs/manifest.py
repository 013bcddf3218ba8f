"""The manifest of a run: the files that it consists of, and whether they are unchanged."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from pydantic import BaseModel

from core import __version__
from core.errors import RunDamaged
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
    seconds: float = 0.0
    files: dict[str, str]

    @classmethod
    def of(cls, folder: Path, results: Iterable[Path], **values: str | float) -> Self:
        """The manifest of some files of a folder, which are hashed."""
        hashes = {
            path.relative_to(folder).as_posix(): files.sha256(path) for path in sorted(results)
        }
        return cls.model_validate({"tusker": __version__, "files": hashes, **values})

    def check(self, folder: Path, names: Iterable[str]) -> None:
        """Compare files of a folder with their hashes.

        Raises:
            RunDamaged: a file is missing or differs.
        """
        for name in names:
            path = folder / name
            if not path.is_file() or files.sha256(path) != self.files.get(name):
                raise RunDamaged(f"{name} of this run is not the file that the training wrote.")
