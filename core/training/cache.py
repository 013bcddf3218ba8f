"""Cache features on disk, so that no view of a picture passes through the same layers twice.

A cache is a folder of arrays with one row per picture: the embedding, or the activation at a cut,
of one view as computed by one engine.

    <engine>/<view>/<array>/rows      the rows, raw, one after the other; memory-mapped to read
    <engine>/<view>/<array>/pictures  SHA-256 of the picture of each row, one per line

The time of a view's folder is that of its last use; the least recently used views go first.

Rows are written before their names, so what a killed job leaves is either complete or ignored.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from core.settings import MEGABYTE, Settings
from core.system import files

VERSION = 5
"""Raised when decoding, rendering or an engine changes its results: older features are ignored."""
FOLDER = "features"
EMBEDDING = "embedding"
LOCK = "lock"
ROWS, NAMES = "rows", "pictures"


def embedding_array(depths: Sequence[str]) -> str:
    """Name of the array of embeddings that end in the pooled activations of these layers."""
    return "-".join((EMBEDDING, *depths))


class FeatureArray:
    """An append-only array on disk with one row per picture."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: type) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows_path, self._names_path = folder / ROWS, folder / NAMES
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._row_of = self._recover()

    def __contains__(self, picture: str) -> bool:
        return picture in self._row_of

    def append(self, pictures: Sequence[str], arrays: np.ndarray) -> None:
        """Add the arrays (n, *shape) of pictures, given by SHA-256, that are not there yet.

        Raises:
            ValueError: the arrays have another shape.
        """
        if arrays.shape != (len(pictures), *self._shape):
            raise ValueError(f"expected rows of shape {self._shape}, got {arrays.shape}")
        new = [index for index, picture in enumerate(pictures) if picture not in self._row_of]
        if not new:
            return
        with self._rows_path.open("ab") as rows:
            rows.write(np.ascontiguousarray(arrays[new], self._dtype).tobytes())
        with self._names_path.open("a", encoding="ascii") as names:
            names.write("".join(f"{pictures[index]}\n" for index in new))
        for index in new:
            self._row_of[pictures[index]] = len(self._row_of)

    def row_indices(self, pictures: Sequence[str]) -> np.ndarray:
        """The row of each picture, given by SHA-256: (n,) int64."""
        return np.array([self._row_of[picture] for picture in pictures], np.int64)

    def rows(self) -> np.ndarray:
        """All rows (m, *shape), memory-mapped and read-only."""
        if not self._row_of:
            return np.empty((0, *self._shape), self._dtype)
        shape = (len(self._row_of), *self._shape)
        return np.memmap(self._rows_path, self._dtype, "r", shape=shape)

    def _recover(self) -> dict[str, int]:
        """Read the names of the rows; cut off an incomplete last row."""
        if not (self._names_path.is_file() and self._rows_path.is_file()):
            self._rows_path.write_bytes(b"")
            self._names_path.write_bytes(b"")
        row_bytes = int(np.prod(self._shape)) * self._dtype.itemsize
        names = self._names_path.read_bytes().split(b"\n")[:-1]
        names = names[: self._rows_path.stat().st_size // row_bytes]
        with self._rows_path.open("r+b") as rows:
            rows.truncate(len(names) * row_bytes)
        with self._names_path.open("r+b") as file:
            file.truncate(sum(len(name) + 1 for name in names))
        return {name.decode("ascii"): row for row, name in enumerate(names)}


class FeatureCache:
    """The arrays of one folder, which belong to this process while the cache is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[Path] = set()

    def array(
        self, engine: str, view: str, name: str, shape: tuple[int, ...], dtype: type
    ) -> FeatureArray:
        """Open an array; an empty one is created if there is none."""
        folder = self.folder / f"v{VERSION}-{engine}" / view
        array = FeatureArray(folder / name, shape, dtype)
        os.utime(folder)
        self._used.add(folder)
        return array

    def trim(self, limit: int) -> None:
        """Delete the least recently used views, but none in use, until `limit` bytes are left."""
        views = [path for path in self.folder.glob("v*/*") if path.is_dir()]
        sizes = {path: files.size(path) for path in views}
        total = sum(sizes.values())
        for path in sorted(views, key=files.modified):
            if total <= limit:
                return
            if path not in self._used:
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):  # fails unless that was the engine's last view
                    path.parent.rmdir()
                total -= sizes[path]

    def count(
        self, backbone: str, array: str, views: Iterable[str], pictures: Iterable[str]
    ) -> int:
        """Number of views of some pictures that are in an array of a backbone.

        Args:
            views: keys as by `Rendering.cache_keys`.
            pictures: SHA-256 of each.
        """
        wanted = set(pictures)
        return sum(
            len(wanted.intersection(names.read_text(encoding="ascii").split()))
            for view in views
            for names in self.folder.glob(f"v{VERSION}-{backbone}-*/{view}/{array}/{NAMES}")
        )


def cache_folder(pictures: Path, settings: Settings) -> Path:
    """The folder of the cache for a folder of pictures.

    In personal mode there is one cache, so that features of pictures that are uploaded again are
    reused. On a public host features are next to the pictures: they are deleted with them, and no
    other visitor uses them.
    """
    return (settings.home if settings.mode == "personal" else pictures.parent) / FOLDER


@contextlib.contextmanager
def open_cache(folder: Path, settings: Settings) -> Iterator[FeatureCache]:
    """Open the cache of a folder for this process only.

    If another process has it open, a temporary cache is used instead.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / LOCK).acquire(timeout=0)
    except Timeout:
        with tempfile.TemporaryDirectory(prefix="tusker-") as private:
            yield FeatureCache(Path(private))
        return
    with held:
        cache = FeatureCache(folder)
        try:
            yield cache
        finally:
            cache.trim(settings.features_megabytes * MEGABYTE)
