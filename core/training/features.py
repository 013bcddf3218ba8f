"""Extract features: each picture is decoded once, and frozen layers see each view once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.dataset import Example
from core.system import threads
from core.training.cache import EMBEDDING, FeatureArray, FeatureCache
from core.training.engines import Engine
from core.training.views import Rendering

MissingViews = tuple[Example, list[int]]
"""A picture, and the indices of those of its views that the cache lacks."""


@dataclass(frozen=True)
class Features:
    """Features of all views of some pictures.

    Attributes:
        embeddings: (n, views, d) float32, pooled features.
        passed: number of views that went through the backbone this time.
        reused: number of views that were in the cache.
        activations: of each view, (m, h, w, c) float16 at the cut, memory-mapped; empty without a
            cut.
        rows: (n, views) int64, the row of each picture in `activations`.
    """

    embeddings: np.ndarray
    passed: int
    reused: int
    activations: tuple[np.ndarray, ...] = ()
    rows: np.ndarray | None = None

    def narrowed(self, width: int) -> Features:
        """The same with only the first `width` numbers of each embedding."""
        return replace(self, embeddings=self.embeddings[:, :, :width])

    def cuts(self, pictures: np.ndarray, views: np.ndarray) -> np.ndarray:
        """Activations at the cut, (m, h, w, c) float16.

        Args:
            pictures: (m,) int64, which pictures.
            views: (m,) int64, which view of each.
        """
        assert self.rows is not None, "the engine kept no activations"
        activations = np.empty((len(pictures), *self.activations[0].shape[1:]), np.float16)
        for view in np.unique(views):
            selected = views == view
            activations[selected] = self.activations[view][self.rows[pictures[selected], view]]
        return activations


@dataclass(frozen=True)
class ViewArrays:
    """The arrays of one view; `cut` is None if activations are not kept."""

    embedding: FeatureArray
    cut: FeatureArray | None

    def __contains__(self, picture: str) -> bool:
        return picture in self.embedding and (self.cut is None or picture in self.cut)

    def append(
        self, pictures: Sequence[str], embeddings: np.ndarray, cuts: np.ndarray | None
    ) -> None:
        """Add the features of pictures; each array takes those that it does not have."""
        self.embedding.append(pictures, embeddings)
        if self.cut is not None and cuts is not None:
            self.cut.append(pictures, cuts)


@dataclass(frozen=True)
class _Result:
    """Features of some views of some pictures: one row per view."""

    sha256: list[str]
    views: list[int]
    embeddings: np.ndarray
    cuts: np.ndarray | None
    pictures: int


def extract(
    examples: Sequence[Example],
    pictures: Path,
    rendering: Rendering,
    engine: Engine,
    cache: FeatureCache,
    progress: Callable[[int, int], None],
) -> Features:
    """Pass each view that is not in the cache through the frozen layers, once.

    Decoding, rendering and the pass overlap on all cores. Results are written to the cache after a
    few pictures, so that a stopped job resumes there.

    Args:
        examples: their `path` is relative to `pictures`.
        engine: runs the frozen layers.
        progress: called with (pictures done, pictures in all); may raise `Cancelled`.

    Returns:
        Features in the order of the examples.

    Raises:
        BadImage: a picture can no longer be read.
    """
    arrays = [open_arrays(cache, engine, key) for key in rendering.cache_keys()]
    missing: dict[str, MissingViews] = {}
    for example in examples:
        numbers = [n for n, array in enumerate(arrays) if example.sha256 not in array]
        if numbers:
            missing[example.sha256] = example, numbers

    def compute(chunk: list[MissingViews]) -> _Result:
        rendered = [
            view
            for example, numbers in chunk
            for view in rendering.views(pictures / example.path, example.sha256, numbers)
        ]
        embeddings, cuts = engine.run(np.stack(rendered))
        sha256 = [example.sha256 for example, numbers in chunk for _ in numbers]
        views = [number for _, numbers in chunk for number in numbers]
        return _Result(sha256, views, embeddings, cuts, len(chunk))

    passed, done = 0, len(examples) - len(missing)
    if not missing:
        progress(done, len(examples))
    chunks, callers = _chunks(missing.values(), engine.batch), engine.callers
    with contextlib.closing(
        threads.map_ordered(compute, chunks, threads=callers, most=2 * callers, name="extract")
    ) as results:  # closing ends its threads at once if `progress` raises
        for result in results:
            _store(result, arrays)
            passed += len(result.views)
            done += result.pictures
            progress(done, len(examples))
    return _collect(examples, arrays, engine.width, passed)


def open_arrays(cache: FeatureCache, engine: Engine, view: str) -> ViewArrays:
    """Open the arrays that an engine fills for a view, given by its key."""
    name = "-".join((EMBEDDING, *engine.depths))
    embedding = cache.array(engine.name, view, name, (engine.width,), np.float32)
    if engine.cut is None:
        return ViewArrays(embedding, None)
    cut = cache.array(engine.name, view, engine.cut, engine.cut_shape, np.float16)
    return ViewArrays(embedding, cut)


def _chunks(missing: Iterable[MissingViews], views: int) -> Iterator[list[MissingViews]]:
    """Pictures that together have about as many missing views as an engine takes at once."""
    chunk: list[MissingViews] = []
    count = 0
    for example, numbers in missing:
        chunk.append((example, numbers))
        count += len(numbers)
        if count >= views:
            yield chunk
            chunk, count = [], 0
    if chunk:
        yield chunk


def _store(result: _Result, arrays: Sequence[ViewArrays]) -> None:
    for number, array in enumerate(arrays):
        rows = [row for row, view in enumerate(result.views) if view == number]
        if rows:
            cuts = None if result.cuts is None else result.cuts[rows]
            array.append([result.sha256[row] for row in rows], result.embeddings[rows], cuts)


def _collect(
    examples: Sequence[Example], arrays: Sequence[ViewArrays], width: int, passed: int
) -> Features:
    sha256 = [example.sha256 for example in examples]
    embeddings = np.empty((len(sha256), len(arrays), width), np.float32)
    rows = np.empty((len(sha256), len(arrays)), np.int64)
    activations = []
    for number, array in enumerate(arrays):
        embeddings[:, number] = array.embedding.rows()[array.embedding.row_indices(sha256)]
        if array.cut is not None:
            activations.append(array.cut.rows())
            rows[:, number] = array.cut.row_indices(sha256)
    reused = len(sha256) * len(arrays) - passed
    return Features(embeddings, passed, reused, tuple(activations), rows if activations else None)
