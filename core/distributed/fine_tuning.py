"""Fine-tune on several machines of a Ray cluster, each of which computes a part of each batch.

The training runs its own loop. For each batch it sends the other machines their rows, adds their
gradients to its own, and applies the sums; they apply the same sums before the next batch. So the
result is that of one machine except for rounding and dropout. If a machine fails, the training
computes the batch again and continues alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from core import backbones
from core.distributed import connection, cores
from core.estimating import estimate, resources, unit_costs
from core.system import threads
from core.training.config import TrainingConfig
from core.training.context import TrainingContext

if TYPE_CHECKING:
    from core.training.finetune import Tuner

logger = logging.getLogger(__name__)

MINIMUM_SECONDS = 60.0
"""Least seconds of fine-tuning for which the cluster is used. Processes need 9 to 23 s to import
TensorFlow and to connect; then two machines take little more than half the time of one."""
ROWS = 4
"""Least rows of a batch per machine: a step has costs that do not shrink with its rows."""
PLACE_SECONDS = 20.0
"""How many seconds the cluster may take to start a process on a machine with free cores."""
START_SECONDS = 180.0
"""How many seconds a process may take to import TensorFlow and build the network."""
STALL_SECONDS = 300.0
"""How many seconds a batch may take; Ray notices a lost machine far sooner."""
SEEDS_PER_PROCESS = 1_000
"""Distance of the seeds of two processes, so that each draws its own dropout."""
LOST = "Fine-tuning on several machines failed. This machine continues alone."


@contextmanager
def team(context: TrainingContext, tuner: Tuner) -> Iterator[Team | None]:
    """Processes on other machines, if there are any and they save time; None if not."""
    costs = unit_costs.read(context.backbone, context.settings)
    seconds = estimate.fine_tuning_seconds(context.config, len(context.of("train")), costs)
    # With a GPU, the cores of other machines are useless.
    has_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1")
    if context.settings.runner != "ray" or seconds < MINIMUM_SECONDS or has_gpu:
        yield None
        return
    with ExitStack() as stack:
        helpers: list[tuple[Any, int]] = []
        try:
            stack.enter_context(connection.joined(context.settings))
            helpers = _start_helpers(context.config)
        except Exception:
            logger.exception("no cluster to fine-tune with")
        if not helpers:
            yield None
            return
        context.say(f"{len(helpers) + 1} machines fine-tune together.")
        yield Team(context, tuner, helpers)


class Team:
    """This process and helpers on other machines, which replace a tuner.

    Args:
        helpers: each with its cores; rows are shared in proportion.
    """

    def __init__(
        self, context: TrainingContext, tuner: Tuner, helpers: Sequence[tuple[Any, int]]
    ) -> None:
        self._context, self._tuner = context, tuner
        self._helpers = [helper for helper, _ in helpers]
        counts = [threads.cores(), *(count for _, count in helpers)]
        self._shares = np.cumsum([0, *counts]) / sum(counts)
        self._begun = False
        self._update: Any = None
        """The last sums of gradients, which the helpers have not yet applied."""

    def step(
        self, activations: np.ndarray, smoothed: np.ndarray, weights: np.ndarray
    ) -> tuple[float, float]:
        """As `Tuner.step`."""
        return self._shared_or_alone(self._step, self._tuner.step, activations, smoothed, weights)

    def logits(self, activations: np.ndarray) -> np.ndarray:
        """As `Tuner.logits`."""
        return self._shared_or_alone(self._logits, self._tuner.logits, activations)

    def _begin(self) -> None:
        """Have the helpers build the network, with the weights that the tuner has now."""
        import ray

        context = self._context
        values = ray.put([np.asarray(variable) for variable in self._tuner.shared_variables])
        classes, pictures = len(context.dataset.classes), len(context.of("train"))
        refs = []
        for rank, helper in enumerate(self._helpers, start=1):
            seed = context.config.seed + SEEDS_PER_PROCESS * rank
            config = context.config.model_copy(update={"seed": seed})
            refs.append(helper.start.remote(config, classes, pictures, values))
        _results(refs, START_SECONDS)
        self._begun = True

    def _step(self, *batch: np.ndarray) -> tuple[float, float]:
        import ray

        own_rows, refs = self._send("gradients", *batch)
        parts = [self._tuner.gradients(*own_rows), *_results(refs, STALL_SECONDS)]
        sums = [np.sum(arrays, axis=0) for arrays in zip(*(p[2] for p in parts), strict=True)]
        self._update = ray.put(sums)
        self._tuner.apply(sums)
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    def _logits(self, activations: np.ndarray) -> np.ndarray:
        (own_rows,), refs = self._send("logits", activations)
        return np.concatenate([self._tuner.logits(own_rows), *_results(refs, STALL_SECONDS)])

    def _send(self, method: str, *arrays: np.ndarray) -> tuple[list[np.ndarray], list[Any]]:
        """Call a method of each helper with its rows and the last update.

        Returns:
            The rows for this process, and references to the results of the helpers.
        """
        # Rounded up, so that a small batch is for the first processes.
        ends = np.ceil(self._shares * len(arrays[0])).astype(int)
        parts = [[array[first:end] for array in arrays] for first, end in pairwise(ends)]
        calls = zip(self._helpers, parts[1:], strict=True)
        refs = [helper.call.remote(self._update, method, *part) for helper, part in calls]
        self._update = None
        # A helper without rows only applies the update: its turn is not waited for.
        return parts[0], [ref for ref, part in zip(refs, parts[1:], strict=True) if len(part[0])]

    def _shared_or_alone(
        self, shared: Callable[..., Any], alone: Callable[..., Any], *batch: Any
    ) -> Any:
        """The result of `shared`, or of `alone` if there are no helpers or one fails."""
        if self._helpers:
            try:
                if not self._begun:
                    self._begin()
                return shared(*batch)
            except Exception:  # of Ray, of TensorFlow, or of a machine; no weight has changed
                logger.exception("fine-tuning continues on this machine alone")
                self._dismiss_helpers()
                self._context.say(LOST)
        return alone(*batch)

    def _dismiss_helpers(self) -> None:
        import ray

        for helper in self._helpers:
            with suppress(Exception):  # the cluster may be gone
                ray.kill(helper)
        self._helpers = []


class Helper:
    """A process on another machine, as a Ray actor."""

    def __init__(self, count: int) -> None:
        # TensorFlow's threads inherit the cores of this one.
        self._reserved = ExitStack()
        self._reserved.enter_context(cores.reserved(count))

    def start(
        self, config: TrainingConfig, classes: int, pictures: int, values: Sequence[np.ndarray]
    ) -> None:
        """Build the network of a training.

        Args:
            classes, pictures: as for `Tuner`.
            values: of `Tuner.shared_variables`.
        """
        os.environ |= {
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        from core.backbones import build
        from core.training.finetune import Tuner

        # All that is trained gets the given values, and nothing else runs here.
        trunk = build.trunk(backbones.get(config.backbone), "random")
        self._tuner = Tuner(trunk, config, classes, pictures)
        for variable, value in zip(self._tuner.shared_variables, values, strict=True):
            variable.assign(value)

    def call(self, update: Sequence[np.ndarray] | None, method: str, *rows: np.ndarray) -> Any:
        """Apply the sums of the last batch, if any, then call a method of the tuner on its rows."""
        if update is not None:
            self._tuner.apply(update)
        return getattr(self._tuner, method)(*rows) if len(rows[0]) else None


def _start_helpers(config: TrainingConfig) -> list[tuple[Any, int]]:
    """Start a helper on each other machine with free cores. Returns them with their cores."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    this_node, own_cores = ray.get_runtime_context().get_node_id(), threads.cores()
    memory = round(resources.PYTHON_BYTES + resources.fine_tuning_bytes(config))
    counts = {
        node["NodeID"]: min(own_cores, int(node["Resources"].get("CPU", 0)))
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] != this_node
    }
    counts = {node: count for node, count in counts.items() if count}
    free = int(ray.available_resources().get("CPU", 0))
    most = min(len(counts), free, config.batch_size // ROWS - 1)
    if most < 1:
        return []
    remote: Any = ray.remote(max_restarts=0)(Helper)
    started = {}
    for node, count in counts.items():
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        helper = remote.options(num_cpus=count, memory=memory, scheduling_strategy=strategy).remote(
            count
        )
        started[helper.__ray_ready__.remote()] = helper, count
    placed = connection.ready(list(started), most, PLACE_SECONDS)
    for ref, (helper, _) in started.items():
        if ref not in placed:
            ray.kill(helper)
    return [started[ref] for ref in placed]


def _results(refs: Sequence[Any], seconds: float) -> list[Any]:
    """The results of the helpers. Raises their exceptions, and TimeoutError."""
    import ray

    if len(connection.ready(refs, len(refs), seconds)) < len(refs):
        raise TimeoutError("a machine does not answer")
    results: list[Any] = ray.get(list(refs))
    return results
