"""Share the one pass out among the machines of a Ray cluster, shard by shard.

Each task writes the features of its shard beside the cache, on storage that all machines share, and
the training files them. It looks at shards itself meanwhile, so that it never waits for cores that
others hold, and whatever comes of no task is looked at here, as on one machine.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import backbones
from core.dataset import Example
from core.jobs import cores, joining
from core.settings import Settings
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.engines import LitertEngine
from core.training.known import EMBEDDING
from core.training.network import Network
from core.training.recipe import Recipe
from core.training.views import view_names

if TYPE_CHECKING:
    import ray

log = logging.getLogger(__name__)

PICTURES = 128
"""In a shard: a second or two of work for a core."""
WORTH_IT = 8
"""Shards from which on joining the cluster pays."""
IN_HAND = 2
"""Shards for each free core, so that none is idle while this process looks at its own."""
STRAGGLING_SECONDS = 5.0
"""How long nothing may come of the last tasks before their shards are looked at here as well."""


@dataclass(frozen=True)
class _Pass:
    """What a machine must know to look at a shard as this one would."""

    pictures: Path
    backbone: str
    augmentation: Augmentation
    seed: int
    crop: float
    stage: int | None
    start: Path | None
    settings: Settings
    into: Path


def share_out(
    recipe: Recipe,
    examples: Sequence[Example],
    augmentation: Augmentation,
    engine: LitertEngine,
    stage: int | None,
    progress: Callable[[int, int], None],
) -> None:
    """Have pictures that the cache does not know looked at by the cluster, and file what comes.

    Nothing is promised: where there is no cluster, or few pictures, none of it happens.

    Args:
        engine: what looks at pictures here; every machine opens the same file.
        stage: index in the backbone's stages whose activations are kept; None for none.
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
    if len(wanted) < PICTURES * WORTH_IT or not _joined(recipe.settings):
        return
    work = _Pass(
        recipe.pictures.resolve(),
        recipe.backbone.name,
        augmentation,
        recipe.config.seed,
        recipe.config.crop,
        stage,
        recipe.start,
        recipe.settings,
        recipe.cache.folder.resolve() / "shards",
    )
    try:
        _look_together(recipe, work, wanted, engine, names, len(examples), progress)
    finally:
        import ray

        ray.shutdown()  # ends what is still at work, too
        shutil.rmtree(work.into, ignore_errors=True)


def _look_together(
    recipe: Recipe,
    work: _Pass,
    wanted: Sequence[Example],
    engine: LitertEngine,
    names: Sequence[str],
    total: int,
    progress: Callable[[int, int], None],
) -> None:
    import ray

    task: Any = ray.remote(num_cpus=1, max_retries=3)(_look)
    waiting = deque(wanted[at : at + PICTURES] for at in range(0, len(wanted), PICTURES))
    sent: dict[ray.ObjectRef, Sequence[Example]] = {}
    done = total - len(wanted)

    def here(shard: Sequence[Example]) -> None:
        features.extract(
            shard,
            work.pictures,
            recipe.backbone,
            work.augmentation,
            engine,
            recipe.cache,
            seed=work.seed,
            crop=work.crop,
            progress=lambda some, _: progress(done + some, total),
        )

    slots = 0
    while waiting or sent:
        free = int(ray.available_resources().get("CPU", 0))
        every = int(ray.cluster_resources().get("CPU", 0))
        slots = min(every, max(slots, free + min(len(sent), slots)) if sent else free)
        while waiting and len(sent) < IN_HAND * slots:
            shard = waiting.popleft()
            sent[task.remote(shard, work)] = shard
        if waiting:
            shard = waiting.pop()
        elif len(sent) > slots or not ray.wait(list(sent), timeout=STRAGGLING_SECONDS)[0]:
            # The last that was sent waits in line, or for cores that somebody else has taken.
            ref, shard = sent.popitem()
            with suppress(ray.exceptions.RayError):
                ray.cancel(ref)
        else:
            shard = ()
        if shard:
            here(shard)
            done += len(shard)
        ready, _ = ray.wait(list(sent), num_returns=len(sent), timeout=0) if sent else ([], [])
        for ref in ready:
            shard = sent.pop(ref)
            try:
                _file(Path(ray.get(ref)), recipe, engine, names)
            except Exception as error:  # of Ray, of the task, or of reading what it wrote
                # What is wrong with a picture, or with this disk, is found and told here as well.
                log.warning("a shard is looked at here: %s", error)
                here(shard)
            done += len(shard)
            progress(done, total)


def _file(folder: Path, recipe: Recipe, engine: LitertEngine, names: Sequence[str]) -> None:
    """Put the features of a shard into the cache."""
    features.take_over(FeatureCache(folder), recipe.cache, engine, recipe.backbone, names)
    shutil.rmtree(folder, ignore_errors=True)


def _look(shard: Sequence[Example], work: _Pass) -> str:
    """Look at a shard on a machine of the cluster. Returns the folder with its features."""
    backbone = backbones.get(work.backbone)
    folder = work.into / secrets.token_hex(8)  # its own: a task that was given up may still write
    with cores.taken(1):
        features.extract(
            shard,
            work.pictures,
            backbone,
            work.augmentation,
            engines.litert(Network(backbone, work.settings, work.start), work.stage),
            FeatureCache(folder),
            seed=work.seed,
            crop=work.crop,
            progress=lambda _done, _total: None,
        )
    return str(folder)


def _joined(settings: Settings) -> bool:
    """Whether this process is now a client of the cluster."""
    try:
        joining.join(settings)
    except Exception:
        log.exception("no cluster to share the pass with")
        return False
    return True
