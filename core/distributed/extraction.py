"""Share the feature extraction among the machines of a Ray cluster, shard by shard.

Pictures are sent to the machines, and features back, as Ray objects. Meanwhile the training
computes shards itself, so that it never waits for cores that other jobs use. Shards that fail on
another machine are computed in this process, as on one machine.
"""

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset import Example
from core.distributed import connection, cores
from core.errors import TuskerError
from core.settings import MEGABYTE
from core.training import features
from core.training.context import TrainingContext
from core.training.engines import LitertEngine
from core.training.views import Rendering

logger = logging.getLogger(__name__)

VIEWS = 128
"""Views per shard: a second or two of work for a core."""
BYTES = 16 * MEGABYTE
"""Largest size of the pictures of a shard, since they have to be sent."""
WORTH_IT = 8
"""Least number of shards for which joining the cluster pays."""
SHARDS_PER_CORE = 2
"""Tasks for each free core, so that none is idle while this process computes its own shard."""
STRAGGLING_SECONDS = 5.0
"""How long to wait for the last tasks before this process computes their shards as well."""
NOT_OF_THE_CLUSTER = (TuskerError, MemoryError)
"""Errors of a picture or of this machine, and cancellation: they end the extraction."""


def extract_on_cluster(
    context: TrainingContext,
    examples: Sequence[Example],
    rendering: Rendering,
    engine: LitertEngine,
    progress: Callable[[int, int], None],
) -> None:
    """Compute features that are not in the cache on the cluster, as far as possible.

    Without a cluster, with few pictures, or if the cluster fails, the missing features are left to
    `features.extract`.

    Args:
        engine: of this process; every machine opens the same file.
        progress: called with (pictures done, pictures in all); may raise `Cancelled`.

    Raises:
        BadImage: a picture can no longer be read.
    """
    arrays = [
        array
        for key in rendering.cache_keys()
        for array in features.open_arrays(context.cache, engine, key)
    ]
    missing = list(
        {e.sha256: e for e in examples if any(e.sha256 not in array for array in arrays)}.values()
    )
    if len(missing) * rendering.augmentation.views < VIEWS * WORTH_IT:
        return
    try:
        with connection.joined(context.settings):
            _SharedPass(context, rendering, engine, len(examples), progress).run(missing)
    except NOT_OF_THE_CLUSTER:
        raise
    except Exception:
        # An error of this machine, such as a full disk, is raised again by `features.extract`.
        logger.exception("the pass continues on this machine alone")


def extract_shard(
    pictures: Sequence[tuple[str, bytes]],
    model: bytes,
    rendering: Rendering,
    cut: str | None,
) -> list[np.ndarray]:
    """Extract the features of a shard on one core, as the training itself would.

    Args:
        pictures: SHA-256 and content of each.
        model: content of the LiteRT file.
        cut: name of the layer whose activation is kept; None for none.

    Returns:
        Embeddings (n, views, d) float32, and activations (n, views, h, w, c) float16, if kept.

    Raises:
        BadImage: a picture cannot be read.
    """
    numbers = range(rendering.augmentation.views)
    outputs = []
    with cores.reserved(1):
        with tempfile.NamedTemporaryFile(prefix="tusker-", suffix=".tflite") as file:
            file.write(model)
            file.flush()
            engine = LitertEngine(Path(file.name), "", cut, callers=1)
        for sha256, content in pictures:
            outputs.append(engine.run(np.stack(rendering.views(content, sha256, numbers))))
    return [np.stack(arrays) for arrays in zip(*outputs, strict=True)]


@dataclass
class _SharedPass:
    """One extraction with the cluster.

    Attributes:
        total: number of all pictures, of which `done` are in the cache.
        waiting: shards that were not sent yet.
        sent: reference of a task → its shard.
        model: reference of the LiteRT file.
    """

    context: TrainingContext
    rendering: Rendering
    engine: LitertEngine
    total: int
    progress: Callable[[int, int], None]
    done: int = 0
    waiting: deque[list[Example]] = field(default_factory=deque)
    sent: dict[Any, list[Example]] = field(default_factory=dict)
    model: Any | None = None

    def run(self, missing: Sequence[Example]) -> None:
        """Compute features on this machine and on the cluster until all are in the cache."""
        import ray

        self.model = ray.put(self.engine.model.read_bytes())
        self.waiting = _shards(missing, self.rendering.augmentation.views)
        self.done = self.total - len(missing)
        slots = 0
        while self.waiting or self.sent:
            free = int(ray.available_resources().get("CPU", 0))
            held = min(len(self.sent), slots)
            slots = max(slots, free + held) if self.sent else free
            slots = min(slots, int(ray.cluster_resources().get("CPU", 0)))
            while self.waiting and len(self.sent) < SHARDS_PER_CORE * slots:
                self._send(self.waiting.popleft())
            if self.waiting:
                self._compute(self.waiting.pop())
            elif len(self.sent) > slots or not connection.ready(
                list(self.sent), 1, STRAGGLING_SECONDS
            ):
                # The last task sent is queued, or waits for cores that another job uses.
                ref, examples = self.sent.popitem()
                with suppress(ray.exceptions.RayError):
                    ray.cancel(ref)
                self._compute(examples)
            self._collect()

    def _send(self, examples: list[Example]) -> None:
        import ray

        remote: Any = ray.remote(num_cpus=1, max_retries=3)(extract_shard)
        pictures = [(e.sha256, (self.context.pictures / e.path).read_bytes()) for e in examples]
        # The other machines get no secret of this host.
        limits = self.rendering.limits.model_copy(update={"api_token": ""})
        rendering = replace(self.rendering, limits=limits)
        ref = remote.remote(pictures, self.model, rendering, self.engine.cut)
        self.sent[ref] = examples
        self.progress(self.done, self.total)  # sending takes a while: notice a cancellation

    def _compute(self, examples: Sequence[Example]) -> None:
        """Compute features in this process."""
        features.extract(
            examples,
            self.context.pictures,
            self.rendering,
            self.engine,
            self.context.cache,
            progress=lambda done, _: self.progress(self.done + done, self.total),
        )
        self.done += len(examples)

    def _collect(self) -> None:
        """Store the results that have arrived; compute the shards of failed tasks here."""
        import ray

        refs = list(self.sent)
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if refs else ([], [])
        for ref in ready:
            examples = self.sent.pop(ref)
            try:
                self._store(examples, ray.get(ref))
            except Exception as error:  # of Ray, of the task, or of its content
                # A fault of a picture, or of this disk, shows and is reported here as well.
                logger.warning("a shard is computed here: %s", type(error).__name__)
                self._compute(examples)
            else:
                self.done += len(examples)
            self.progress(self.done, self.total)

    def _store(self, examples: Sequence[Example], outputs: Sequence[np.ndarray]) -> None:
        """Add the features of a shard, as `extract_shard` returns them, to the cache."""
        sha256 = [example.sha256 for example in examples]
        for view, key in enumerate(self.rendering.cache_keys()):
            arrays = features.open_arrays(self.context.cache, self.engine, key)
            for array, output in zip(arrays, outputs, strict=True):
                array.append(sha256, output[:, view])


def _shards(examples: Sequence[Example], views: int) -> deque[list[Example]]:
    """Split pictures into shards, in their order."""
    shards: deque[list[Example]] = deque()
    size = 0
    for example in examples:
        size += example.size
        if not shards or len(shards[-1]) * views >= VIEWS or size > BYTES:
            shards.append([])
            size = example.size
        shards[-1].append(example)
    return shards
