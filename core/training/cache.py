"""Keep features on disk, so that a picture that was looked at once is not looked at again.

A cache is a folder of shelves. A shelf holds one array a picture (an embedding, or the activation
at a cut) of one view through one engine:

    <engine>/<view>/<array>/rows      the arrays, raw, one after the other; memory-mapped to read
    <engine>/<view>/<array>/pictures  SHA-256 of the picture of each row, a line each
    <engine>/<view>/used              touched at each use; the longest unused views go first

Rows are written before they are named, so what a killed job leaves is either whole or ignored.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from core.settings import Settings

VERSION = 1
"""Raised when decoding, rendering or a pass changes what comes out: older features are unknown."""
FOLDER = "features"
LOCK = "lock"
USED = "used"


class Shelf:
    """One array a picture, append-only."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: type) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows_path, self._names_path = folder / "rows", folder / "pictures"
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._size = int(np.prod(shape)) * self._dtype.itemsize
        self._place: dict[str, int] = {}
        self._recover()

    def __contains__(self, picture: str) -> bool:
        return picture in self._place

    @property
    def pictures(self) -> list[str]:
        """SHA-256 of the picture of each row."""
        return list(self._place)

    def append(self, pictures: Sequence[str], arrays: np.ndarray) -> None:
        """Add the arrays (n, *shape) of n pictures, named by their SHA-256."""
        with self._rows_path.open("ab") as rows:
            rows.write(np.ascontiguousarray(arrays, self._dtype).tobytes())
        with self._names_path.open("a", encoding="ascii") as names:
            names.write("".join(f"{picture}\n" for picture in pictures))
        for picture in pictures:
            self._place[picture] = len(self._place)

    def places(self, pictures: Sequence[str]) -> np.ndarray:
        """The row of each picture: (n,) int64."""
        return np.array([self._place[picture] for picture in pictures], np.int64)

    def rows(self) -> np.ndarray:
        """All rows (m, *shape), memory-mapped and read-only."""
        if not self._place:
            return np.empty((0, *self._shape), self._dtype)
        shape = (len(self._place), *self._shape)
        return np.memmap(self._rows_path, self._dtype, "r", shape=shape)

    def _recover(self) -> None:
        """Read which pictures there are; cut off what was not finished."""
        if not self._names_path.is_file():
            self._rows_path.write_bytes(b"")
            self._names_path.write_bytes(b"")
        names = self._names_path.read_bytes().split(b"\n")[:-1]
        whole = min(len(names), self._rows_path.stat().st_size // self._size)
        names = names[:whole]
        with self._rows_path.open("r+b") as rows:
            rows.truncate(whole * self._size)
        with self._names_path.open("r+b") as kept:
            kept.truncate(sum(len(name) + 1 for name in names))
        self._place = {name.decode("ascii"): row for row, name in enumerate(names)}


class FeatureCache:
    """The shelves of one folder, which belong to this process while they are open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._views: set[Path] = set()

    def shelf(
        self, engine: str, view: str, array: str, shape: tuple[int, ...], dtype: type
    ) -> Shelf:
        """The shelf of an array; made if it is not there."""
        folder = self.folder / f"v{VERSION}-{engine}" / view
        shelf = Shelf(folder / array, shape, dtype)
        (folder / USED).touch()
        self._views.add(folder)
        return shelf

    def known(self, engine: str, view: str, array: str) -> frozenset[str]:
        """SHA-256 of the pictures that a shelf holds, without opening it."""
        path = self.folder / f"v{VERSION}-{engine}" / view / array / "pictures"
        try:
            return frozenset(path.read_text(encoding="ascii").split())
        except OSError:
            return frozenset()

    def trim(self, limit: int) -> None:
        """Forget the features longest unused until `limit` bytes are left; never those in use."""
        views = [path for path in self.folder.glob("v*/*") if path.is_dir()]
        sizes = {path: _size(path) for path in views}
        total = sum(sizes.values())
        for path in sorted(views, key=_last_used):
            if total <= limit:
                return
            if path not in self._views:
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):  # the last view of its engine takes that along
                    path.parent.rmdir()
                total -= sizes[path]


def cache_folder(pictures: Path, settings: Settings) -> Path:
    """Where the features of some pictures are kept.

    On a machine of one's own in one place, so that pictures that come again are known. On a
    public host beside the pictures, so that they go when these go and nobody else meets them.
    """
    return (settings.home if settings.mode == "personal" else pictures.parent) / FOLDER


@contextlib.contextmanager
def opened(folder: Path, settings: Settings) -> Iterator[FeatureCache]:
    """The cache of a folder, for this process alone.

    Where another process has it, an empty one that is gone afterwards stands in.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with tempfile.TemporaryDirectory(prefix="tusker-") as private:
            yield FeatureCache(Path(private))
        return
    try:
        cache = FeatureCache(folder)
        yield cache
        cache.trim(settings.features_bytes)
    finally:
        lock.release()


def _last_used(view: Path) -> float:
    try:
        return (view / USED).stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
