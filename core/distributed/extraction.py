"""Share the one pass out among the machines of a Ray cluster, shard by shard.

What each makes of its shard lands in storage that all can reach (`shard.py`), and the training
files it. It looks at shards itself meanwhile, so that it never waits for cores that others hold,
and whatever comes of no task is looked at here, as on one machine.
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
from core.distributed.shard import Pass
from core.errors import TuskerError
from core.settings import MEGABYTE
from core.training import features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.context import TrainingContext
from core.training.engines import LitertEngine
from core.training.views import view_names

if TYPE_CHECKING:
    import ray

logger = logging.getLogger(__name__)

EMBEDDING = "embedding"
"""Of a feature cache, as `core.training.features` names it."""
PICTURES = 128
"""In a shard: a second or two of work for a core."""
BYTES = 64 * MEGABYTE
"""In a shard at most: they may have to travel."""
WORTH_IT = 8
"""Shards from which on joining the cluster pays."""
IN_HAND = 2
"""Shards for each free core, so that none is idle while this process looks at its own."""
STRAGGLING_SECONDS = 5.0
"""How long nothing may come of the last tasks before their shards are looked at here as well."""
LEAVING_SECONDS = 3.0
"""How long tasks that were given up may take to stop."""
OURS = (TuskerError, MemoryError)
"""What is wrong with a picture, with this machine, or somebody's wish, and not with the cluster."""


def extract_on_cluster(
    context: TrainingContext,
    examples: Sequence[Example],
    augmentation: Augmentation,
    engine: LitertEngine,
    progress: Callable[[int, int], None],
) -> None:
    """Have pictures that the cache does not know looked at by the cluster, and file what comes.

    Nothing is promised: where there is no cluster, or few pictures, or the cluster breaks off, the
    rest is for whoever asks the cache afterwards.

    Args:
        engine: what looks at pictures here; every machine opens the same file.
        progress: told (pictures done, pictures in all); may raise `Cancelled`.

    Raises:
        BadImage: a picture cannot be read any more.
    """
    names = view_names(augmentation, context.config.seed, context.config.crop)
    known = context.cache.known(engine.name, names[0], EMBEDDING)
    for name in names:
        for array in (EMBEDDING, engine.cut):
            known &= context.cache.known(engine.name, name, array) if array else known
    wanted = list({e.sha256: e for e in examples if e.sha256 not in known}.values())
    if len(wanted) < PICTURES * WORTH_IT:
        return
    sharing = _Sharing(context, augmentation, engine, names, len(examples), progress)
    try:
        connection.join(context.settings)
    except Exception:
        logger.exception("no cluster to share the pass with")
        return
    try:
        sharing.run(wanted)
    except OURS:
        raise
    except Exception as error:  # of Ray or of storage, of a kind for each kind of these
        if sharing.failed_here:
            raise
        # Not the text: an address of storage may be in it, and visitors may read the log.
        logger.warning("the cluster broke off (%s); the pass goes on here", type(error).__name__)
    finally:
        sharing.leave()


class _Sharing:
    """One pass with the cluster.

    Attributes:
        failed_here: whether an error came of looking at pictures in this process.
    """

    def __init__(
        self,
        context: TrainingContext,
        augmentation: Augmentation,
        engine: LitertEngine,
        names: Sequence[str],
        total: int,
        progress: Callable[[int, int], None],
    ) -> None:
        self.failed_here = False
        self._context, self._engine, self._names = context, engine, names
        self._total, self._progress = total, progress
        self._machines = Machines()
        self._waiting: deque[list[Example]] = deque()
        self._sent: dict[ray.ObjectRef, list[Example]] = {}
        self._given_up: list[ray.ObjectRef] = []
        self._done = 0
        self._stored = bool(context.settings.storage)
        self._work = Pass(
            pictures=context.pictures.resolve(),
            model=engine.model.resolve(),
            model_at="",
            backbone=context.backbone.name,
            augmentation=augmentation,
            seed=context.config.seed,
            crop=context.config.crop,
            engine=engine.name,
            cut=engine.cut,
            into=_place(context),
        )

    def run(self, wanted: Sequence[Example]) -> None:
        """Look at pictures, here and there, until all are filed."""
        import ray

        transfer.prepare(self._work.into)
        if self._stored:
            model = transfer.put([(self._work.model, shard.MODEL)], self._work.into)
            self._work = replace(self._work, model_at=model)
        self._waiting, self._done = _cut(wanted), self._total - len(wanted)
        slots = 0
        while self._waiting or self._sent:
            every = sum(int(machine.get("CPU", 0)) for machine in self._machines.able())
            free = min(every, int(ray.available_resources().get("CPU", 0)))
            held = min(len(self._sent), slots)
            slots = min(every, max(slots, free + held) if self._sent else free)
            while self._waiting and len(self._sent) < IN_HAND * slots:
                self._send(self._waiting.popleft())
            if self._waiting:
                self._here(self._waiting.pop())
            elif len(self._sent) > slots or not connection.ready(
                list(self._sent), 1, STRAGGLING_SECONDS
            ):
                # The last that was sent waits in line, or for cores that somebody else has taken.
                self._here(self._take_back())
            self._collect()

    def leave(self) -> None:
        """Have nothing at work any more, leave the cluster, and clear up in storage."""
        import ray

        with suppress(Exception):  # the cluster may be gone
            while self._sent:
                self._take_back()
            connection.ready(self._given_up, len(self._given_up), LEAVING_SECONDS)
        ray.shutdown()
        try:
            transfer.remove(self._work.into)
        except FileNotFoundError:  # it was never made
            pass
        except Exception as error:
            logger.warning("storage was not cleared: %s", type(error).__name__)

    def _send(self, some: list[Example]) -> None:
        import ray

        pictures_at = ""
        if self._stored:
            pictures_at = shard.send(some, self._work)
            self._progress(self._done, self._total)  # it takes a while: somebody may cancel
        task: Any = ray.remote(num_cpus=1, max_retries=3)(shard.extract_shard)
        task = task.options(label_selector=self._machines.selector)
        self._sent[task.remote(some, self._work, pictures_at)] = some

    def _take_back(self) -> list[Example]:
        """What was sent last, which nobody is to look at there any more."""
        import ray

        ref, some = self._sent.popitem()
        self._given_up.append(ref)
        with suppress(ray.exceptions.RayError):
            ray.cancel(ref)
        return some

    def _here(self, some: Sequence[Example]) -> None:
        """Look at pictures in this process."""
        try:
            features.extract(
                some,
                self._work.pictures,
                self._context.backbone,
                self._work.augmentation,
                self._engine,
                self._context.cache,
                seed=self._work.seed,
                crop=self._work.crop,
                progress=lambda now, _: self._progress(self._done + now, self._total),
            )
        except Exception:
            self.failed_here = True
            raise
        self._done += len(some)

    def _collect(self) -> None:
        """File what has come, and look here at what a task could not do."""
        import ray

        refs = list(self._sent)
        ready, _ = ray.wait(refs, num_returns=len(refs), timeout=0) if refs else ([], [])
        for ref in ready:
            some = self._sent.pop(ref)
            try:
                landed = ray.get(ref)
                if isinstance(landed, UnreachableNode):
                    self._machines.avoid(landed)
                    self._waiting.append(some)
                    continue
                self._file(landed)
            except Exception as error:  # of Ray, of the task, of storage, or of what is in it
                # What is wrong with a picture, or with this disk, is found and told here as well.
                logger.warning("a shard is looked at here: %s", type(error).__name__)
                self._here(some)
            else:
                self._done += len(some)
            self._progress(self._done, self._total)

    def _file(self, landed: str) -> None:
        """Put the features of a shard into the cache."""
        with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
            transfer.fetch(landed, Path(folder))
            theirs, cache = FeatureCache(Path(folder)), self._context.cache
            features.take_over(theirs, cache, self._engine, self._context.backbone, self._names)
        transfer.remove(landed)


def _place(context: TrainingContext) -> str:
    """Where the features of this pass land: on the host's storage, or else beside the cache."""
    if context.settings.storage:
        return f"{context.settings.storage.rstrip('/')}/{secrets.token_hex(16)}"
    context.cache.folder.mkdir(parents=True, exist_ok=True)
    return str(context.cache.folder.resolve() / "shards")


def _cut(wanted: Sequence[Example]) -> deque[list[Example]]:
    """Pictures in shards, in their order."""
    shards: deque[list[Example]] = deque()
    size = 0
    for example in wanted:
        size += example.size
        if not shards or len(shards[-1]) == PICTURES or size > BYTES:
            shards.append([])
            size = example.size
        shards[-1].append(example)
    return shards
