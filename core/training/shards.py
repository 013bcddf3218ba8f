"""Share the one pass out among the machines of a Ray cluster, shard by shard.

What each makes of its shard lands in storage that all can reach (`shard.py`), and the training
files it. It looks at shards itself meanwhile, so that it never waits for cores that others hold,
and whatever comes of no task is looked at here, as on one machine.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from core.dataset import Example
from core.jobs import joining
from core.settings import MEGABYTE, Settings
from core.training import features, shard
from core.training.config import Augmentation
from core.training.engines import LitertEngine
from core.training.known import EMBEDDING
from core.training.recipe import Recipe
from core.training.shard import Work
from core.training.views import view_names

if TYPE_CHECKING:
    import ray

log = logging.getLogger(__name__)

PICTURES = 128
"""In a shard: a second or two of work for a core."""
BYTES = 64 * MEGABYTE
"""In a shard at most: its pictures may have to be held in memory on their way."""
WORTH_IT = 8
"""Shards from which on joining the cluster pays."""
IN_HAND = 2
"""Shards for each free core, so that none is idle while this process looks at its own."""
STRAGGLING_SECONDS = 5.0
"""How long nothing may come of the last tasks before their shards are looked at here as well."""


def share_out(
    recipe: Recipe,
    examples: Sequence[Example],
    augmentation: Augmentation,
    engine: LitertEngine,
    progress: Callable[[int, int], None],
) -> None:
    """Have pictures that the cache does not know looked at by the cluster, and file what comes.

    Nothing is promised: where there is no cluster, or few pictures, none of it happens.

    Args:
        engine: what looks at pictures here; every machine opens the same file.
        progress: told (pictures done, pictures in all); may raise `Cancelled`.

    Raises:
        BadImage: a picture cannot be read any more.
    """
    names = view_names(augmentation, recipe.config.seed, recipe.config.crop)
    known = recipe.cache.known(engine.name, names[0], EMBEDDING)
    for name in names:
        for array in (EMBEDDING, engine.cut):
            known &= recipe.cache.known(engine.name, name, array) if array else known
    wanted = list({e.sha256: e for e in examples if e.sha256 not in known}.values())
    if len(wanted) < PICTURES * WORTH_IT:
        return
    into = _place(recipe)
    if not _joined(recipe.settings, into):
        return
    work = Work(
        recipe.pictures.resolve(),
        recipe.backbone.name,
        augmentation,
        recipe.config.seed,
        recipe.config.crop,
        engine.name,
        engine.cut,
        engine.model.resolve(),
        into,
    )
    try:
        _look_together(recipe, work, wanted, engine, names, len(examples), progress)
    finally:
        import ray

        ray.shutdown()  # ends what is still at work, too
        with suppress(Exception):  # of a kind for each kind of storage
            shard.cleared(into)


def _place(recipe: Recipe) -> str:
    """Where the features of this pass land: on the host's storage, or else beside the cache."""
    if recipe.settings.storage:
        return f"{recipe.settings.storage.rstrip('/')}/{secrets.token_hex(16)}"
    return str(recipe.cache.folder.resolve() / "shards")


def _sender(recipe: Recipe, work: Work) -> Callable[[Sequence[Example]], ray.ObjectRef]:
    """What sends a shard off. Where features land on storage, pictures and model go along."""
    import ray

    task: Any = ray.remote(num_cpus=1, max_retries=3)(shard.look)
    if not recipe.settings.storage:
        return lambda some: task.remote(some, work)
    model = ray.put(work.model.read_bytes())

    def send(some: Sequence[Example]) -> ray.ObjectRef:
        try:
            contents = [(work.pictures / example.path).read_bytes() for example in some]
        except OSError:  # which is told by whoever looks at them here
            contents = None
        return task.remote(some, work, model, contents)

    return send


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


def _look_together(
    recipe: Recipe,
    work: Work,
    wanted: Sequence[Example],
    engine: LitertEngine,
    names: Sequence[str],
    total: int,
    progress: Callable[[int, int], None],
) -> None:
    import ray

    send = _sender(recipe, work)
    waiting = _cut(wanted)
    sent: dict[ray.ObjectRef, list[Example]] = {}
    done = total - len(wanted)

    def here(some: Sequence[Example]) -> None:
        features.extract(
            some,
            work.pictures,
            recipe.backbone,
            work.augmentation,
            engine,
            recipe.cache,
            seed=work.seed,
            crop=work.crop,
            progress=lambda now, _: progress(done + now, total),
        )

    slots = 0
    while waiting or sent:
        free = int(ray.available_resources().get("CPU", 0))
        every = int(ray.cluster_resources().get("CPU", 0))
        slots = min(every, max(slots, free + min(len(sent), slots)) if sent else free)
        while waiting and len(sent) < IN_HAND * slots:
            some = waiting.popleft()
            sent[send(some)] = some
        if waiting:
            some = waiting.pop()
        elif len(sent) > slots or not ray.wait(list(sent), timeout=STRAGGLING_SECONDS)[0]:
            # The last that was sent waits in line, or for cores that somebody else has taken.
            ref, some = sent.popitem()
            with suppress(ray.exceptions.RayError):
                ray.cancel(ref)
        else:
            some = []
        if some:
            here(some)
            done += len(some)
        ready, _ = ray.wait(list(sent), num_returns=len(sent), timeout=0) if sent else ([], [])
        for ref in ready:
            some = sent.pop(ref)
            try:
                _file(ray.get(ref), recipe, engine, names)
            except Exception as error:  # of Ray, of the task, of storage, or of what is in it
                # What is wrong with a picture, or with this disk, is found and told here as well.
                log.warning("a shard is looked at here: %s", error)
                here(some)
            done += len(some)
            progress(done, total)


def _file(landed: str, recipe: Recipe, engine: LitertEngine, names: Sequence[str]) -> None:
    """Put the features of a shard into the cache."""
    with shard.fetched(landed) as theirs:
        features.take_over(theirs, recipe.cache, engine, recipe.backbone, names)


def _joined(settings: Settings, into: str) -> bool:
    """Whether this process is now a client of the cluster, and features can land."""
    try:
        shard.opened(into)
        joining.join(settings)
    except Exception:
        log.exception("the pass is made on this machine alone")
        return False
    return True
