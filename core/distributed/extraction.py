"""Share the feature extraction among the machines of a Ray cluster, shard by shard.

Pictures are sent to the machines, and features back, as Ray objects. Meanwhile the training
computes shards itself, so that it never waits for cores that other jobs use. Shards that fail on
another machine are computed in this process, as on one machine.
"""

import logging
import tempfile
import threading
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
from core.training.context import TrainingContext
from core.training.engines import LitertEngine
from core.training.features import Features, MissingViews
from core.training.views import Rendering

logger = logging.getLogger(__name__)

VIEWS = 128
"""Views per shard: a second or two of work for a core."""
BYTES = 16 * MEGABYTE
"""Usual size of the pictures of a shard at most, since they have to be sent."""
WORTH_IT = 8
"""Least number of shards for which joining the cluster pays."""
SHARDS_PER_CORE = 2
"""Tasks for each core of the cluster, so that none is idle while its next shard is sent."""
LATE_SECONDS = 30.0
"""How long a task may take, with its wait for a core, before its shard is computed here."""
NOT_OF_THE_CLUSTER = (TuskerError, MemoryError)
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
    if len(missing) * len(arrays) < VIEWS * WORTH_IT:
        return None
    size = max(1, sum(example.size for example, _ in missing) // len(missing))
    batch = len(arrays) * max(1, min(VIEWS // len(arrays), BYTES // size))
    try:
        with connection.joined(context.settings):
            compute, callers = _sharing(context.pictures, rendering, engine)
            return features.extract(
                examples,
                context.pictures,
                rendering,
                engine,
                context.cache,
                progress,
                compute,
                callers,
                batch,
            )
    except NOT_OF_THE_CLUSTER:
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
    with (
        cores.reserved(1),
        tempfile.NamedTemporaryFile(prefix="tusker-", suffix=".tflite") as file,
    ):
        file.write(model)
        file.flush()
        engine = LitertEngine(Path(file.name), "", cut, callers=1)
        return features.run_views(engine, rendering, pictures)


def _sharing(
    pictures: Path, rendering: Rendering, engine: LitertEngine
) -> tuple[Callable[[list[MissingViews]], list[np.ndarray]], int]:
    """A function that computes a shard, here or on the cluster, and the threads that may call it.

    A thread that finds the cores of this machine in use sends its shard, and waits for the result.
    """
    import ray

    here = threading.Semaphore(engine.callers)
    model = ray.put(engine.model.read_bytes())
    task: Any = ray.remote(num_cpus=1, max_retries=3)(extract_shard)
    # The other machines get no secret of this host.
    limits = rendering.limits.model_copy(update={"api_token": ""})
    public = replace(rendering, limits=limits)

    def compute_elsewhere(shard: list[MissingViews]) -> list[np.ndarray] | None:
        try:
            sent = [((pictures / e.path).read_bytes(), e.sha256, views) for e, views in shard]
            ref = task.remote(sent, model, public, engine.cut)
            ready, late = ray.wait([ref], timeout=LATE_SECONDS)
            for ref in late:
                ray.cancel(ref)
            return ray.get(ready[0]) if ready else None
        except Exception as error:  # of Ray, of the task, or of a picture
            # A fault of a picture, or of this disk, shows and is reported here as well.
            logger.warning("a shard is computed here: %s", type(error).__name__)
            return None

    def compute(shard: list[MissingViews]) -> list[np.ndarray]:
        if not here.acquire(blocking=False):
            if (outputs := compute_elsewhere(shard)) is not None:
                return outputs
            here.acquire()
        try:
            sources = ((pictures / e.path, e.sha256, views) for e, views in shard)
            return features.run_views(engine, rendering, sources)
        finally:
            here.release()

    nodes = int(ray.cluster_resources().get("CPU", 0))
    return compute, engine.callers + SHARDS_PER_CORE * nodes
