"""The one pass: each picture is decoded once, and each view goes through the frozen layers once."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import images
from core.backbones import Backbone
from core.dataset import Example
from core.system import threads
from core.training.cache import FeatureCache, Shelf
from core.training.config import Augmentation
from core.training.engines import Engine
from core.training.views import render, view_names


@dataclass(frozen=True)
class Features:
    """What is kept of the views of some pictures.

    Attributes:
        embeddings: (n, views, d) float32, pooled features.
        passed: views that went through the backbone this time.
        reused: views that had done so before.
    """

    embeddings: np.ndarray
    passed: int
    reused: int
    _cuts: tuple[np.ndarray, ...] = ()
    _places: np.ndarray | None = None

    def on_disk(self) -> OnDisk:
        """Where the activations at the cut lie. Raises LookupError if that is no file."""
        assert self._places is not None, "the engine kept no activations"
        if not all(isinstance(cut, np.memmap) for cut in self._cuts):
            raise LookupError("the activations are in memory")
        files = tuple((Path(cut.filename), cut.shape) for cut in self._cuts)  # type: ignore[attr-defined]
        return OnDisk(files, self._places)

    def cuts(self, pictures: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Activations at the cut, (m, h, w, c) float16, read from memory-mapped files.

        Args:
            pictures: (m,) int64, which pictures.
            views: (m,) int64, which view of each.
        """
        assert self._places is not None, "the engine kept no activations"
        found = np.empty((len(pictures), *self._cuts[0].shape[1:]), np.float16)
        for view in np.unique(views):
            chosen = views == view
            found[chosen] = self._cuts[view][self._places[pictures[chosen], view]]
        return found


@dataclass(frozen=True)
class OnDisk:
    """Where activations at the cut lie, for another process that can read the same files.

    Attributes:
        files: of each view: a path, and the shape of the float16 in it.
        places: (n, views) int64, the row of each picture.
    """

    files: tuple[tuple[Path, tuple[int, ...]], ...]
    places: np.ndarray

    def opened(self) -> Features:
        """These activations, without embeddings. Raises OSError or ValueError if they are gone."""
        cuts = tuple(np.memmap(path, np.float16, "r", shape=shape) for path, shape in self.files)
        embeddings = np.empty((*self.places.shape, 0), np.float32)
        return Features(embeddings, 0, 0, cuts, self.places)


@dataclass(frozen=True)
class _Shelves:
    """Where the arrays of one view are kept; `cut` is None if activations are not wanted."""

    embedding: Shelf
    cut: Shelf | None

    def __contains__(self, picture: str) -> bool:
        return picture in self.embedding and (self.cut is None or picture in self.cut)


@dataclass(frozen=True)
class _Passed:
    """Some views of some pictures after their pass."""

    pictures: list[str]
    views: list[int]
    embeddings: np.ndarray
    cuts: np.ndarray | None
    done: int


def extract(
    examples: Sequence[Example],
    pictures: Path,
    backbone: Backbone,
    augmentation: Augmentation,
    engine: Engine,
    cache: FeatureCache,
    *,
    seed: int,
    progress: Callable[[int, int], None],
    crop: float | None = None,
) -> Features:
    """Push every view that the cache does not know through the frozen layers, once.

    Decoding, rendering and the pass overlap on all cores. What has passed is in the cache a few
    pictures later, so that a job that is stopped goes on from there.

    Args:
        examples: pictures to look at; their `path` is relative to `pictures`.
        engine: what runs the frozen layers.
        progress: told (pictures done, pictures in all); may raise `Cancelled`.
        crop: share of a picture's shorter edge that a view shows; the backbone's own if None.

    Returns:
        Features in the order of the examples.

    Raises:
        BadImage: a picture cannot be read any more.
    """
    crop = backbone.crop if crop is None else crop
    shelves = [
        _open(cache, engine, name, backbone) for name in view_names(augmentation, seed, crop)
    ]
    wanted: dict[str, tuple[Example, list[int]]] = {}
    for example in examples:
        missing = [n for n, shelf in enumerate(shelves) if example.sha256 not in shelf]
        if missing:
            wanted[example.sha256] = example, missing

    def look(chunk: list[tuple[Example, list[int]]]) -> _Passed:
        rendered: list[np.ndarray] = []
        for example, numbers in chunk:
            if numbers == [0]:
                rendered.append(images.load(pictures / example.path, backbone.size, crop))
                continue
            edge = math.ceil(backbone.size / crop)  # as `images.load` has it
            picture = images.decode(pictures / example.path, shorter_edge=edge)
            key = f"{seed}/{example.sha256}"
            rendered += render(picture, backbone.size, crop, augmentation, key, numbers)
        embeddings, cuts = engine.run(np.stack(rendered))
        names = [example.sha256 for example, numbers in chunk for _ in numbers]
        views = [number for _, numbers in chunk for number in numbers]
        return _Passed(names, views, embeddings, cuts, len(chunk))

    passed, known = 0, len(examples) - len(wanted)
    done = known
    if not wanted:
        progress(done, len(examples))
    chunks = _chunks(list(wanted.values()), engine.batch)
    callers = engine.callers
    with contextlib.closing(
        threads.map_ordered(look, chunks, threads=callers, most=2 * callers, name="look")
    ) as results:
        for result in results:  # closed at once when `progress` raises: its threads end with it
            _keep(result, shelves)
            passed += len(result.views)
            done += result.done
            progress(done, len(examples))
    return _gathered(examples, shelves, backbone, passed)


def take_over(
    theirs: FeatureCache,
    ours: FeatureCache,
    engine: Engine,
    backbone: Backbone,
    names: Sequence[str],
) -> None:
    """File the features that passed elsewhere, through the same engine.

    Args:
        names: of the views.
    """
    for name in names:
        source, target = (_open(cache, engine, name, backbone) for cache in (theirs, ours))
        for given, shelf in ((source.embedding, target.embedding), (source.cut, target.cut)):
            if given is not None and shelf is not None:
                pictures = given.pictures
                _append(shelf, pictures, list(range(len(pictures))), given.rows())


def _open(cache: FeatureCache, engine: Engine, view: str, backbone: Backbone) -> _Shelves:
    embedding = cache.shelf(engine.name, view, "embedding", (backbone.embedding,), np.float32)
    if engine.cut is None:
        return _Shelves(embedding, None)
    cut = cache.shelf(engine.name, view, engine.cut, engine.cut_shape, np.float16)
    return _Shelves(embedding, cut)


def _chunks(
    wanted: list[tuple[Example, list[int]]], views: int
) -> Iterator[list[tuple[Example, list[int]]]]:
    """Pictures whose views together are about as many as an engine likes to be given."""
    chunk: list[tuple[Example, list[int]]] = []
    count = 0
    for example, numbers in wanted:
        chunk.append((example, numbers))
        count += len(numbers)
        if count >= views:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk


def _keep(result: _Passed, shelves: Sequence[_Shelves]) -> None:
    """File what has passed. A view that was known in part is filed only where it was not."""
    for number, shelf in enumerate(shelves):
        rows = [row for row, view in enumerate(result.views) if view == number]
        _append(shelf.embedding, result.pictures, rows, result.embeddings)
        if shelf.cut is not None and result.cuts is not None:
            _append(shelf.cut, result.pictures, rows, result.cuts)


def _append(shelf: Shelf, pictures: list[str], rows: list[int], arrays: np.ndarray) -> None:
    new = [row for row in rows if pictures[row] not in shelf]
    if new:
        shelf.append([pictures[row] for row in new], arrays[new])


def _gathered(
    examples: Sequence[Example], shelves: Sequence[_Shelves], backbone: Backbone, passed: int
) -> Features:
    names = [example.sha256 for example in examples]
    embeddings = np.empty((len(names), len(shelves), backbone.embedding), np.float32)
    places = np.empty((len(names), len(shelves)), np.int64)
    cuts = []
    for number, shelf in enumerate(shelves):
        embeddings[:, number] = shelf.embedding.rows()[shelf.embedding.places(names)]
        if shelf.cut is not None:
            cuts.append(shelf.cut.rows())
            places[:, number] = shelf.cut.places(names)
    reused = len(names) * len(shelves) - passed
    return Features(embeddings, passed, reused, tuple(cuts), places if cuts else None)
