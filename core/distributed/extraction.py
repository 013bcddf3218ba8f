"""Share the feature extraction among the machines of a Ray cluster, shard by shard.

Each machine puts the features of its shard into storage that all can reach (`shard.py`), and the
training adds them to its cache. Meanwhile the training computes shards itself, so that it never
waits for cores that others hold; what fails elsewhere is computed here, as on one machine.
"""

from __future__ import annotations

import logging
import secrets
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.dataset import Example
from core.distributed import connection, shard, transfer
from core.distributed.machines import Machines, UnreachableNode
from core.distributed.shard import ShardTask
from core.errors import TuskerError
from core.settings import MEGABYTE
from core.training import features
from core.training.cache import FeatureCache, view_keys
from core.training.config import Augmentation
from core.training.context import TrainingContext
from core.training.engines import LitertEngine

if TYPE_CHECKING:
    import ray

logger = logging.getLogger(__name__)

PICTURES = 128
"""Per shard: a second or two of work for a core."""
BYTES = 64 * MEGABYTE
"""Limit per shard, since its pictures may have to be sent."""
WORTH_IT = 8
"""Least number of shards for which joining the cluster pays."""
SHARDS_PER_CORE = 2
"""Tasks for each free core, so that none is idle while this process computes its own shard."""
STRAGGLING_SECONDS = 5.0
"""How long to wait for the last tasks before their shards are computed here as well."""
LEAVING_SECONDS = 3.0
"""How long cancelled tasks may take to stop."""
NOT_OF_THE_CLUSTER = (TuskerError, MemoryError)
"""Errors of a picture or of this machine, and cancellation: they end the pass."""


def extract_on_cluster(
    context: TrainingContext,
    examples: Sequence[Example],
    augmentation: Augmentation,
    engine: LitertEngine,
    progress: Callable[[int, int], None],
) -> None:
    """Have the cluster compute features that the cache lacks, as far as possible.

    Without a cluster, with few pictures, or if the cluster fails, the rest is left for
    `features.extract`.

    Args:
        engine: of this process; every machine opens the same file.
        progress: called with (pictures done, pictures in all); may raise `Cancelled`.

    Raises:
        BadImage: a picture can no longer be read.
    """
    keys = view_keys(augmentation, context.config.seed, context.config.crop)
    arrays = [features.open_arrays(context.cache, engine, key, context.backbone) for key in keys]
    missing = list(
        {e.sha256: e for e in examples if any(e.sha256 not in array for array in arrays)}.values()
    )
    if len(missing) < PICTURES * WORTH_IT:
        return
    shared = SharedPass(context, augmentation, engine, keys, len(examples), progress)
    try:
        connection.join(context.settings)
    except Exception:
        logger.exception("no cluster to share the pass with")
        return
    try:
        shared.run(missing)
    except NOT_OF_THE_CLUSTER:
        raise
    except Exception as error:  # the classes depend on the kind of storage
        if shared.failed_here:
            raise
        # Not the text: it may hold an address of storage, and visitors may read the log.
        logger.warning("the cluster failed (%s); the pass continues here", type(error).__name__)
    finally:
        shared.leave()


class SharedPass:
    """One pass with the cluster.

    Attributes:
        failed_here: whether an error was raised by the pass in this process.
    """

    def __init__(
        self,
        context: TrainingContext,
        augmentation: Augmentation,
        engine: LitertEngine,
        keys: Sequence[str],
        total: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self.failed_here = False
        self._context, self._engine, self._keys = context, engine, keys
        self._total, self._progress = total, progress
        self._machines = Machines()
        self._waiting: deque[list[Example]] = deque()
        self._sent: dict[ray.ObjectRef, list[Example]] = {}
        self._cancelled: list[ray.ObjectRef] = []
        self._done = 0
        self._stored = bool(context.settings.storage)
        self._task = ShardTask(
            pictures=context.pictures.resolve(),
            model=engine.model.resolve(),
            model_at="",
            backbone=context.backbone.name,
            augmentation=augmentation,
            seed=context.config.seed,
            crop=context.config.crop,
            engine=engine.name,
            cut=engine.cut,
            destination=_destination(context),
        )

    def run(self, missing: Sequence[Example]) -> None:
        """Compute features on this machine and on the cluster until all are in the cache."""
        import ray

        transfer.prepare(self._task.destination)
        if self._stored:
            model = transfer.put([(self._task.model, shard.MODEL)], self._task.destination)
            self._task = replace(self._task, model_at=model)
        self._waiting, self._done = _shards(missing), self._total - len(missing)
        slots = 0
        while self._waiting or self._sent:
            cores = sum(int(machine.get("CPU", 0)) for machine in self._machines.able())
            free = min(cores, int(ray.available_resources().get("CPU", 0)))
            held = min(len(self._sent), slots)
            slots = min(cores, max(slots, free + held) if self._sent else free)
            while self._waiting and len(self._sent) < SHARDS_PER_CORE * slots:
                self._send(self._waiting.popleft())
            if self._waiting:
                self._compute(self._waiting.pop())
            elif len(self._sent) > slots or not connection.ready(
                list(self._sent), 1, STRAGGLING_SECONDS
            ):
                # The last task sent is queued, or waits for cores that somebody else has taken.
                self._compute(self._cancel_last())
            self._collect()

    def leave(self) -> None:
        """Cancel all tasks, leave the cluster, and delete what is in storage."""
        import ray

        with suppress(Exception):  # the cluster may be gone
            while self._sent:
                self._cancel_last()
            connection.ready(self._cancelled, len(self._cancelled), LEAVING_SECONDS)
        ray.shutdown()
        try:
            transfer.remove(self._task.destination)
        except FileNotFoundError:  # it was never created
            pass
        except Exception as error:
            logger.warning("storage was not cleared: %s", type(error).__name__)

    def _send(self, examples: list[Example]) -> None:
        import ray

        pictures_at = ""
        if self._stored:
            pictures_at = shard.send(examples, self._task)
            self._progress(self._done, self._total)  # sending takes a while: notice a cancellation
        remote: Any = ray.remote(num_cpus=1, max_retries=3)(shard.extract_shard)
        remote = remote.options(label_selector=self._machines.selector)
        self._sent[remote.remote(examples, self._task, pictures_at)] = examples

    def _cancel_last(self) -> list[Example]:
        """Cancel the task that was sent last. Returns its pictures."""
        import ray

        ref, examples = self._sent.popitem()
        self._cancelled.append(ref)
        with suppress(ray.exceptions.RayError):
            ray.cancel(ref)
        return examples

    def _compute(self, examples: Sequence[Example]) -> None:
        """Compute features in this process."""
        try:
            features.extract(
                examples,
                self._task.pictures,
                self._context.backbone,
                self._task.augmentation,
                self._engine,
                self._context.cache,
                seed=self._task.seed,
                crop=self._task.crop,
                progress=lambda done, _: self._progress(self._done + done, self._total),
            )
        except Exception:
            self.failed_here = True
            raise
        self._done += len(examples)

    def _collect(self) -> None:
        """Store what has arrived, and compute here what a task could not."""
        import ray

        refs = list(self._sent)
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if refs else ([], [])
        for ref in ready:
            examples = self._sent.pop(ref)
            try:
                result = ray.get(ref)
                if isinstance(result, UnreachableNode):
                    self._machines.avoid(result)
                    self._waiting.append(examples)
                    continue
                self._store(result)
            except Exception as error:  # of Ray, of the task, of storage, or of its content
                # A fault of a picture, or of this disk, shows and is reported here as well.
                logger.warning("a shard is computed here: %s", type(error).__name__)
                self._compute(examples)
            else:
                self._done += len(examples)
            self._progress(self._done, self._total)

    def _store(self, address: str) -> None:
        """Add the features of a shard to the cache."""
        with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
            transfer.fetch(address, Path(folder))
            add_features(FeatureCache(Path(folder)), self._context, self._engine, self._keys)
        transfer.remove(address)


def add_features(
    source: FeatureCache, context: TrainingContext, engine: LitertEngine, keys: Sequence[str]
) -> None:
    """Add the features of another cache, computed by the same engine, to that of a training.

    Args:
        keys: of the views.
    """
    for key in keys:
        added, target = (
            features.open_arrays(cache, engine, key, context.backbone)
            for cache in (source, context.cache)
        )
        cuts = None if added.cut is None else added.cut.rows()
        if added.cut is not None and added.cut.pictures != added.embedding.pictures:
            raise ValueError("embeddings and activations are not of the same pictures")
        target.append(added.embedding.pictures, added.embedding.rows(), cuts)


def _destination(context: TrainingContext) -> str:
    """Where the machines put their features: the host's storage, or else a folder in the cache."""
    if context.settings.storage:
        return f"{context.settings.storage.rstrip('/')}/{secrets.token_hex(16)}"
    context.cache.folder.mkdir(parents=True, exist_ok=True)
    return str(context.cache.folder.resolve() / "shards")


def _shards(examples: Sequence[Example]) -> deque[list[Example]]:
    """Split pictures into shards, in their order."""
    shards: deque[list[Example]] = deque()
    size = 0
    for example in examples:
        size += example.size
        if not shards or len(shards[-1]) == PICTURES or size > BYTES:
            shards.append([])
            size = example.size
        shards[-1].append(example)
    return shards
