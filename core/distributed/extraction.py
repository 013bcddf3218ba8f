"""Share the feature extraction among the machines of a Ray cluster, shard by shard.

Pictures are sent to the machines, and features back, as Ray objects. Meanwhile the training
computes shards itself, so that it never waits for cores that other jobs use. Shards that fail on
another machine, or are late while a core here is idle, are computed in this process.
"""

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from core.dataset import Example
from core.distributed import connection, cores
from core.errors import TuskerError
from core.settings import MEGABYTE
from core.training import features
from core.training.augmentation import Rendering
from core.training.context import TrainingContext
from core.training.engines import LitertEngine
from core.training.features import Features, MissingViews, Plan

logger = logging.getLogger(__name__)

SHARD_VIEWS = 128
"""Views per shard: a second or two of work for a core."""
SHARD_BYTES = 16 * MEGABYTE
"""Largest size of the pictures of a shard, since they have to be sent."""
MINIMUM_SHARDS = 8
"""Least number of shards for which joining the cluster pays."""
SHARDS_PER_CORE = 2
"""Tasks for each core of the cluster, so that none is idle while its next shard is sent."""
LATE_SECONDS = 2.0
"""How long to wait for a task before a core of this machine that is idle computes its shard."""
POLL_SECONDS = 0.2
LOCAL_ERRORS = (TuskerError, MemoryError)
"""Errors of a picture or of this machine, and cancellation: they end the extraction."""


def extract_on_cluster(
    context: TrainingContext,
    examples: Sequence[Example],
    rendering: Rendering,
    engine: LitertEngine,
    progress: Callable[[int, int], None],
) -> Features | None:
    """Extract features on the cluster and here.

    Args:
        engine: of this process; every machine opens the same file.
        progress: called with (pictures done, pictures in all); may raise `Cancelled`.

    Returns:
        None without a cluster, with few pictures, or if the cluster fails: what is still missing is
        left to `features.extract`.

    Raises:
        BadImage: a picture can no longer be read.
    """
    arrays = features.open_arrays(context.cache, engine, rendering)
    missing = features.missing_views(examples, arrays)
    if len(missing) * len(arrays) < SHARD_VIEWS * MINIMUM_SHARDS:
        return None
    try:
        with connection.joined(context.settings):
            plan = _plan(_shards(missing), context.pictures, rendering, engine)
            return features.extract(
                examples, context.pictures, rendering, engine, context.cache, progress, plan
            )
    except LOCAL_ERRORS:
        raise
    except Exception:
        # An error of this machine, such as a full disk, is raised again by `features.extract`.
        logger.exception("the pass continues on this machine alone")
        return None


def extract_shard(
    pictures: Sequence[tuple[bytes, str, list[int]]],
    model: bytes,
    rendering: Rendering,
    cut: str | None,
) -> list[np.ndarray]:
    """`features.run_views` on one core of another machine, with the content of the LiteRT file."""
    with cores.reserved(1), tempfile.NamedTemporaryFile(prefix="tusker-", suffix=".tflite") as file:
        file.write(model)
        file.flush()
        engine = LitertEngine(Path(file.name), "", cut, callers=1)
        return features.run_views(engine, rendering, pictures)


def _shards(missing: Sequence[MissingViews]) -> list[list[MissingViews]]:
    """Split pictures into shards, in their order."""
    shards: list[list[MissingViews]] = []
    views = size = 0
    for example, numbers in missing:
        views, size = views + len(numbers), size + example.size
        if not shards or views > SHARD_VIEWS or size > SHARD_BYTES:
            shards.append([])
            views, size = len(numbers), example.size
        shards[-1].append((example, numbers))
    return shards


def _plan(
    shards: list[list[MissingViews]], pictures: Path, rendering: Rendering, engine: LitertEngine
) -> Plan:
    """Compute shards here and on the cluster.

    A thread that finds the cores of this machine in use sends its shard, and waits for the result.
    It computes the shard itself if the task fails, or is late while a core of this machine is idle.
    """
    import ray

    own_cores, stopped = threading.Semaphore(engine.callers), threading.Event()
    model = ray.put(engine.model.read_bytes())
    task: Any = ray.remote(num_cpus=1, max_retries=3)(extract_shard)
    # The other machines get no secret of this host.
    limits = rendering.limits.model_copy(update={"api_token": ""})
    sent_rendering = replace(rendering, limits=limits)

    def send(shard: list[MissingViews]) -> Any:
        sources = [((pictures / e.path).read_bytes(), e.sha256, views) for e, views in shard]
        return task.remote(sources, model, sent_rendering, engine.cut)

    def compute_elsewhere(shard: list[MissingViews]) -> list[np.ndarray] | None:
        """The result of a task; None if there is none before a core is idle, or all is stopped."""
        late = time.monotonic() + LATE_SECONDS
        try:
            ref = send(shard)
            while not stopped.is_set():
                if ray.wait([ref], timeout=POLL_SECONDS)[0]:
                    return ray.get(ref)
                if time.monotonic() > late and own_cores.acquire(blocking=False):
                    own_cores.release()
                    ray.cancel(ref)
                    break
        except Exception as error:  # of Ray, of the task, or of a picture
            # A fault of a picture, or of this disk, shows and is reported here as well.
            logger.warning("a shard is computed here: %s", type(error).__name__)
        return None

    def compute(shard: list[MissingViews]) -> list[np.ndarray]:
        if not own_cores.acquire(blocking=False):
            if (outputs := compute_elsewhere(shard)) is not None:
                return outputs
            own_cores.acquire()
        try:
            if stopped.is_set():
                return []  # nobody reads it
            sources = ((pictures / e.path, e.sha256, views) for e, views in shard)
            return features.run_views(engine, rendering, sources)
        finally:
            own_cores.release()

    elsewhere = int(ray.cluster_resources().get("CPU", 0))
    return Plan(shards, compute, engine.callers + SHARDS_PER_CORE * elsewhere, stopped)
