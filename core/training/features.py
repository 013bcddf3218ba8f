"""The one pass: each picture is decoded once, and each view goes through the frozen layers once."""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from core import images
from core.backbones import Backbone
from core.classifier import ServingModel, on_one_thread
from core.dataset import Example
from core.training.config import Augmentation
from core.training.views import render

BATCH = 16
"""Views that an engine is given at a time."""
CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Features:
    """What is kept of each view.

    Attributes:
        embeddings: (n, d) float32, pooled features.
        cuts: (n, h, w, c) float16, activations below the stages to be trained; None without them.
        owners: (n,) int64, index of the example that a view was rendered from.
    """

    embeddings: np.ndarray
    cuts: np.ndarray | None
    owners: np.ndarray

    def __len__(self) -> int:
        return len(self.owners)


class Engine(Protocol):
    """The frozen layers, however they are run."""

    def run(self, views: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(n, size, size, 3) uint8 → embeddings (n, d) float32 and cuts, or None."""


class ServingEngine:
    """The serving model on as many interpreters as there are cores, one view each at a time."""

    def __init__(self, model: Path) -> None:
        self._models = [on_one_thread(model) for _ in range(CORES)]
        self._pool = ThreadPoolExecutor(CORES, thread_name_prefix="interpreter")

    def run(self, views: np.ndarray) -> tuple[np.ndarray, None]:
        """Embeddings of a batch of views."""
        shares = np.array_split(views, CORES)
        parts = self._pool.map(_embed, self._models, shares)
        return np.concatenate([part for part in parts if len(part)]), None


def _embed(model: ServingModel, views: np.ndarray) -> np.ndarray:
    if not len(views):
        return np.empty((0, 0), np.float32)
    return np.stack([model.run(view).embedding for view in views])


def extract(
    examples: Sequence[Example],
    pictures: Path,
    backbone: Backbone,
    augmentation: Augmentation,
    engine: Engine,
    workdir: Path,
    *,
    seed: int,
    progress: Callable[[int, int], None],
) -> Features:
    """Push every view of every example through the frozen layers, once.

    Args:
        examples: pictures to look at; their `path` is relative to `pictures`.
        engine: what runs the frozen layers.
        workdir: cut activations are kept here in a memory-mapped file.
        progress: told (pictures done, pictures in all); may raise `Cancelled`.

    Returns:
        Features in the order of the examples, the views of one beside each other.
    """
    total = len(examples) * augmentation.views
    owners = np.repeat(np.arange(len(examples)), augmentation.views)
    embeddings: np.ndarray | None = None
    cuts: np.ndarray | None = None
    at = 0
    with contextlib.closing(
        _rendered(examples, pictures, backbone, augmentation, seed)
    ) as rendered:  # closed at once when `progress` raises: the decoders stop with it
        for batch in _batches(rendered):
            found, cut = engine.run(batch)
            if embeddings is None:
                embeddings = np.empty((total, found.shape[1]), np.float32)
                if cut is not None:
                    cuts = np.lib.format.open_memmap(
                        workdir / "cuts.npy", "w+", np.float16, (total, *cut.shape[1:])
                    )
            embeddings[at : at + len(found)] = found
            if cuts is not None and cut is not None:
                cuts[at : at + len(cut)] = cut
            at += len(found)
            progress(at // augmentation.views, len(examples))
    if embeddings is None:
        embeddings = np.empty((0, backbone.embedding), np.float32)
    return Features(embeddings, cuts, owners)


def _rendered(
    examples: Sequence[Example],
    pictures: Path,
    backbone: Backbone,
    augmentation: Augmentation,
    seed: int,
) -> Generator[list[np.ndarray]]:
    """Views of each example in order, decoded a few examples ahead on all cores."""

    def one(example: Example) -> list[np.ndarray]:
        edge = math.ceil(backbone.size / backbone.crop)  # as `images.load` has it
        picture = images.decode(pictures / example.path, shorter_edge=edge)
        key = f"{seed}/{example.sha256}"
        return render(picture, backbone.size, backbone.crop, augmentation, key)

    ahead = max(2 * CORES, 2 * BATCH // augmentation.views)
    waiting: deque[Future[list[np.ndarray]]] = deque()
    with ThreadPoolExecutor(CORES, thread_name_prefix="decoder") as pool:
        try:
            for example in examples:
                waiting.append(pool.submit(one, example))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _batches(rendered: Iterator[list[np.ndarray]]) -> Iterator[np.ndarray]:
    batch: list[np.ndarray] = []
    for views in rendered:
        batch.extend(views)
        while len(batch) >= BATCH:
            yield np.stack(batch[:BATCH])
            batch = batch[BATCH:]
    if batch:
        yield np.stack(batch)
