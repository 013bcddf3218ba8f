"""Extract features: each picture is decoded once, and frozen layers see each view once."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.dataset import Example
from core.system import threads
from core.training.augmentation import Rendering
from core.training.cache import FeatureArray, FeatureCache
from core.training.engines import Engine

MissingViews = tuple[Example, list[int]]
"""A picture, and the indices of those of its views that the cache lacks."""
DTYPES = np.float32, np.float16
"""Types of embeddings, and of activations at the cut."""


@dataclass(frozen=True)
class Features:
    """Features of all views of some pictures.

    Attributes:
        embeddings: (n, views, d) float32, pooled features.
        passed: number of views that went through the backbone this time.
        reused: number of views that were in the cache; equal pictures count once.
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
class Plan:
    """How missing views are computed.

    Attributes:
        chunks: of `missing_views`, in their order.
        compute: the outputs for a chunk, as by `run_views`; called from several threads.
        callers: number of these threads.
        stopped: set at the end or after an error, before work that still runs is waited for.
    """

    chunks: Sequence[list[MissingViews]]
    compute: Callable[[list[MissingViews]], list[np.ndarray]]
    callers: int
    stopped: threading.Event = field(default_factory=threading.Event)


def run_views(
    engine: Engine,
    rendering: Rendering,
    pictures: Iterable[tuple[bytes | Path, str, Sequence[int]]],
) -> list[np.ndarray]:
    """Render views and pass them through the frozen layers. Returns as `LitertEngine.run`.

    Args:
        pictures: content or path, SHA-256 and indices of the views of each.
    """
    return engine.run(np.stack([view for each in pictures for view in rendering.views(*each)]))


def extract(
    examples: Sequence[Example],
    pictures: Path,
    rendering: Rendering,
    engine: Engine,
    cache: FeatureCache,
    progress: Callable[[int, int], None],
    plan: Plan | None = None,
) -> Features:
    """Pass each view that is not in the cache through the frozen layers, once.

    Decoding, rendering and the pass overlap on all cores. Results are written to the cache after a
    few pictures, so that a stopped job resumes there.

    Args:
        examples: their `path` is relative to `pictures`.
        engine: runs the frozen layers.
        progress: called with (pictures done, pictures in all); may raise `Cancelled`.
        plan: how missing views are computed; by this engine on all its threads if None.

    Returns:
        Features in the order of the examples.

    Raises:
        BadImage: a picture can no longer be read.
    """
    arrays = open_arrays(cache, engine, rendering)
    waiting = missing_views(examples, arrays)
    if plan is None:

        def compute(chunk: list[MissingViews]) -> list[np.ndarray]:
            sources = ((pictures / e.path, e.sha256, numbers) for e, numbers in chunk)
            return run_views(engine, rendering, sources)

        size = math.ceil(engine.batch / len(arrays))
        chunks = [waiting[first : first + size] for first in range(0, len(waiting), size)]
        plan = Plan(chunks, compute, engine.callers)

    passed, done = 0, len(examples) - len(waiting)
    progress(done, len(examples))
    with contextlib.closing(
        threads.map_ordered(
            plan.compute,
            plan.chunks,
            threads=plan.callers,
            most=2 * plan.callers,
            name="extract",
            stopped=plan.stopped,
        )
    ) as results:  # closing ends its threads at once if `progress` raises
        for chunk, outputs in zip(plan.chunks, results, strict=True):
            sha256 = [example.sha256 for example, numbers in chunk for _ in numbers]
            views = [number for _, numbers in chunk for number in numbers]
            for number, of_view in enumerate(arrays):
                rows = [row for row, view in enumerate(views) if view == number]
                for array, output in zip(of_view, outputs, strict=True):
                    array.append([sha256[row] for row in rows], output[rows])
            passed += len(views)
            done += len(chunk)
            progress(done, len(examples))
    return _collect(examples, arrays, passed)


def open_arrays(
    cache: FeatureCache, engine: Engine, rendering: Rendering
) -> list[list[FeatureArray]]:
    """Open the arrays that an engine fills, one per output, for each view."""
    return [
        [
            cache.array(engine.name, view, name, shape, dtype)
            for (name, shape), dtype in zip(engine.outputs.items(), DTYPES, strict=False)
        ]
        for view in rendering.cache_keys()
    ]


def missing_views(
    examples: Sequence[Example], arrays: Sequence[Sequence[FeatureArray]]
) -> list[MissingViews]:
    """Different pictures with the views that the cache lacks; `arrays` as by `open_arrays`."""
    missing = {}
    for example in examples:
        numbers = [n for n, view in enumerate(arrays) if any(example.sha256 not in a for a in view)]
        if numbers:
            missing[example.sha256] = example, numbers
    return list(missing.values())


def _collect(
    examples: Sequence[Example], arrays: Sequence[Sequence[FeatureArray]], passed: int
) -> Features:
    sha256 = [example.sha256 for example in examples]
    width = arrays[0][0].rows().shape[1]
    embeddings = np.empty((len(sha256), len(arrays), width), np.float32)
    rows = np.empty((len(sha256), len(arrays)), np.int64)
    activations = []
    for number, of_view in enumerate(arrays):
        embedding, *cuts = of_view
        embeddings[:, number] = embedding.rows()[embedding.row_indices(sha256)]
        for cut in cuts:
            activations.append(cut.rows())
            rows[:, number] = cut.row_indices(sha256)
    reused = len(set(sha256)) * len(arrays) - passed
    return Features(embeddings, passed, reused, tuple(activations), rows if activations else None)
