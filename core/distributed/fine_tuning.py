"""Fine-tune on several machines of a Ray cluster, each of which computes a part of every batch.

One process runs on the machine of the training, on the cores that it has already, and one on each
other machine with free cores. Each process computes gradients from files that all machines share;
`MultiWorkerMirroredStrategy` (`collective.py`) adds them up, so the result is that of one machine
except for rounding. If the cluster fails, the training fine-tunes alone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.dataset import Split
from core.distributed import connection
from core.distributed.rank import ActivationFiles, FineTuneResult, FineTuneTask, Rank
from core.estimating import estimate, resources, unit_costs
from core.jobs.events import Emit, Epoch, Event, Kept, Note
from core.model.dense import DenseHead
from core.settings import Settings
from core.system import threads
from core.training import checkpoint
from core.training.context import TrainingContext
from core.training.features import Features

if TYPE_CHECKING:
    import ray

    from core.training.finetune import Tuner

logger = logging.getLogger(__name__)

WORTH_IT = 60.0
"""Least seconds of fine-tuning for which the cluster is used. Processes need 9 to 23 s to import
TensorFlow and to connect; then two machines take little more than half the time of one."""
ROWS = 4
"""Least rows of a batch per machine: a step has costs that do not shrink with its rows."""
PLACE_SECONDS = 20.0
"""How long the cluster may take to start a process on a machine with free cores."""
START_SECONDS = 180.0
"""How long the processes may take until the first step is done."""
STALL_SECONDS = 300.0
"""How long there may be no event afterwards; Ray notices a lost machine far sooner."""
POLL_SECONDS = 0.2
LOST = "Fine-tuning on several machines failed. This machine continues alone."


class DeduplicatedEpochs:
    """Pass events on, each epoch once, even if it is run again on this machine."""

    def __init__(self, emit: Emit) -> None:
        self._emit, self._epoch = emit, 0

    def __call__(self, event: Event) -> None:
        """Emit an event unless it is an epoch that was emitted before."""
        if isinstance(event, Epoch):
            if event.epoch <= self._epoch:
                return
            self._epoch = event.epoch
        self._emit(event)


@dataclass(frozen=True)
class PlacedRank:
    """A process on a machine with free cores."""

    actor: Any
    address: str
    cores: int


def fit(
    context: TrainingContext,
    tuner: Tuner,
    head: DenseHead,
    features: Mapping[Split, Features],
    emit: Emit,
    path: Path | None = None,
) -> tuple[DenseHead, Kept] | None:
    """Fine-tune with other machines, if there are any and it saves time.

    Args:
        tuner: receives the weights, as if it had been trained itself.
        head: of phase 1.
        features: of the training and validation pictures, with activations at the cut.
        emit: receives each event; may raise `Cancelled`.
        path: of the checkpoint to resume from and to write.

    Returns:
        What `Tuner.fit` returns; None if `tuner`, which is unchanged, has yet to do it.
    """
    if context.settings.runner != "ray" or _seconds(context) < WORTH_IT or _has_gpu():
        return None
    with closing(_run(context, head, features, path)) as running:
        while True:
            try:
                event = next(running)
            except StopIteration as end:
                result: FineTuneResult | None = end.value
                if result is None:
                    return None
                tuner.network.set_weights(result.weights)
                return tuner.head(), result.kept
            except Exception:  # of Ray, of TensorFlow, or of a machine
                logger.exception("fine-tuning continues on this machine alone")
                break
            emit(event)
    emit(Note(sentence=LOST))
    return None


def _run(
    context: TrainingContext, head: DenseHead, features: Mapping[Split, Features], path: Path | None
) -> Generator[Event, None, FineTuneResult | None]:
    """Yield events and return the result, or None without a second machine. Raises on failure."""
    try:
        connection.join(context.settings)
    except Exception:
        logger.exception("no cluster to fine-tune with")
        return None
    import ray

    try:
        train = ActivationFiles.of(features["train"])
        ranks = _place(context, train)
        if len(ranks) < 2:
            logger.info("no other machine has free cores: fine-tuning on this one")
            return None
        addresses = ", ".join(rank.address for rank in ranks)
        logger.info("fine-tuning on %d machines: %s", len(ranks), addresses)
        yield Note(sentence=f"{len(ranks)} machines fine-tune together.")
        task = FineTuneTask(
            config=context.config,
            backbone=context.backbone.name,
            start=context.start,
            settings=context.settings,
            head=head,
            train=train,
            train_labels=context.labels("train"),
            validation=ActivationFiles.of(features["validation"]),
            validation_labels=context.labels("validation"),
            checkpoint=None if path is None else path.resolve(),
            key=checkpoint.key_of(context),
        )
        return (yield from _watch(ranks, ray.put(task)))
    finally:
        ray.shutdown()  # ends all processes on all machines


def _place(context: TrainingContext, activations: ActivationFiles) -> list[PlacedRank]:
    """Start a process here and one on each other machine with free cores; an empty list if none."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here, own_cores = _node(context.settings), threads.cores()
    memory = round(resources.PYTHON_BYTES + resources.fine_tuning_bytes(context.config))
    remote: Any = ray.remote(max_restarts=0, max_concurrency=2)(Rank)

    def start(node: str, cores: int) -> Any:
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        return remote.options(num_cpus=cores, memory=memory, scheduling_strategy=strategy).remote()

    others = {
        node["NodeID"]: min(own_cores, int(node["Resources"].get("CPU", 0)))
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] != here
    }
    others = {node: count for node, count in others.items() if count}
    free = int(ray.available_resources().get("CPU", 0))
    wanted = min(len(others), free, context.config.batch_size // ROWS - 1)
    if wanted < 1 or not here:
        return []
    required, _ = activations.files[0]
    lead = start(here, 0)  # the training has its cores already
    lead_ref = lead.address.remote(required)
    started = {lead_ref: PlacedRank(lead, "", own_cores)}
    for node, count in others.items():
        actor = start(node, count)
        started[actor.address.remote(required)] = PlacedRank(actor, "", count)
    addresses = _addresses([lead_ref], 1)
    if addresses:
        addresses |= _addresses([ref for ref in started if ref != lead_ref], wanted)
    for ref, rank in started.items():
        if ref not in addresses:
            ray.kill(rank.actor)
    return [replace(started[ref], address=address) for ref, address in addresses.items()]


def _addresses(refs: list[ray.ObjectRef], wanted: int) -> dict[ray.ObjectRef, str]:
    """Addresses of at most `wanted` processes that start in time and have the required file."""
    import ray

    addresses: dict[ray.ObjectRef, str] = {}
    deadline = time.monotonic() + PLACE_SECONDS
    while refs and len(addresses) < wanted and time.monotonic() < deadline:
        for ref in connection.ready(refs, 1, POLL_SECONDS):
            refs.remove(ref)
            with suppress(ray.exceptions.RayError):
                if address := ray.get(ref):
                    addresses[ref] = address
    return addresses


def _watch(
    ranks: Sequence[PlacedRank], task: ray.ObjectRef
) -> Generator[Event, None, FineTuneResult]:
    """Have the processes fine-tune, and yield the events of the first one."""
    import ray

    lead = ranks[0].actor
    addresses, counts = [rank.address for rank in ranks], [rank.cores for rank in ranks]
    running = [
        rank.actor.tune.remote(task, number, addresses, counts, None if number else _affinity())
        for number, rank in enumerate(ranks)
    ]
    fetching = lead.events.remote()
    deadline = time.monotonic() + START_SECONDS
    while True:
        done, left = ray.wait(running, num_returns=len(running), timeout=POLL_SECONDS)
        # Raises the error of any process; the others would wait for it.
        results: list[FineTuneResult] = ray.get(done)
        if connection.ready([fetching], 1, POLL_SECONDS):
            events: tuple[Event, ...] = ray.get(fetching)
            fetching = lead.events.remote()
            if events:
                deadline = time.monotonic() + STALL_SECONDS
            yield from events
        if not left:
            break
        if time.monotonic() > deadline:
            raise TimeoutError("no event of the processes for too long")
    result = agreed_result(results)
    yield from ray.get(fetching, timeout=START_SECONDS)
    yield from result.events
    return result


def agreed_result(results: Sequence[FineTuneResult]) -> FineTuneResult:
    """The result of the first process. Raises RuntimeError if the weights differ."""
    if len({result.digest for result in results}) > 1:
        raise RuntimeError("the processes ended with different weights")
    return next(result for result in results if result.weights)


def _node(settings: Settings) -> str:
    """Ray's id of the node of this process; empty if it is on none."""
    import ray

    if not settings.ray_address.startswith("ray://"):
        return ray.get_runtime_context().get_node_id()
    own = ray.util.get_node_ip_address()  # `get_node_id` would return the head's
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeManagerAddress"] == own]
    return nodes[0]["NodeID"] if nodes else ""


def _affinity() -> frozenset[int]:
    with suppress(AttributeError):  # only on Linux
        return frozenset(os.sched_getaffinity(0))
    return frozenset()


def _has_gpu() -> bool:
    """Whether this training has a GPU, which makes the cores of other machines useless."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1")


def _seconds(context: TrainingContext) -> float:
    """How long fine-tuning on this machine will take, at most."""
    costs = unit_costs.read(context.backbone, context.settings)
    return estimate.fine_tuning_seconds(context.config, len(context.of("train")), costs)
