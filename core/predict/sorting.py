"""Sort pictures into folders by what a model predicts, on disk or as a zip."""

import posixpath
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from core.archive import unpacking
from core.archive.sources import Source
from core.model.batch import Row
from core.model.decision import Verdict
from core.system import files


class SortedPaths:
    """Paths of sorted pictures, such as `rose/IMG_1.jpg`. No two pictures get the same path."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}
        self._used: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def of(self, row: Row) -> str:
        """The path of a picture, in the folder of its class or, without an answer, its outcome.

        Returns:
            A relative path with slashes that Windows, macOS and Linux accept.
        """
        if row.verdict is Verdict.SURE:
            folder = self._folder(row.predictions[0].label)
        else:
            folder = f"_{row.outcome}"  # no folder of a class begins with an underscore
        name = files.portable_name(row.file.rpartition("/")[2])
        return self._free(*posixpath.splitext(f"{folder}/{name}"))

    def _folder(self, label: str) -> str:
        if label not in self._folders:
            # `a/b` and `a_b` are two classes.
            name = files.portable_name(label).lstrip("_") or "unnamed"
            self._folders[label] = self._free(files.portable_name(name))
        return self._folders[label]

    def _free(self, stem: str, suffix: str = "") -> str:
        """A path, with a number if it is used; names that differ in case only are the same."""
        path = free = stem + suffix
        while free.casefold() in self._used:
            self._numbers[path.casefold()] += 1
            free = f"{stem} ({self._numbers[path.casefold()] + 1}){suffix}"
        self._used.add(free.casefold())
        return free


def write_zip(file: IO[bytes], sorted_pictures: Iterable[tuple[Row, Source]]) -> None:
    """Write the unchanged pictures as a zip of class folders, without files of no content."""
    paths = SortedPaths()
    readable = ((row, s.content) for row, s in sorted_pictures if s.content is not None)
    unpacking.write_zip(file, ((paths.of(row), content) for row, content in readable))


def copy(content: Path | bytes, target: Path) -> None:
    """Copy a picture to a path, whose folder is created if missing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, Path):
        shutil.copy2(content, target)
    else:
        target.write_bytes(content)
