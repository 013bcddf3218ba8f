"""Fine-tune on several machines of a Ray cluster, each of which sees to its part of every batch.

One process is placed on the machine of the training, on the cores that it has already, and one on
each other machine with room. What they find in the files that all machines share is added up by
`MultiWorkerMirroredStrategy` (`collective.py`), so that what comes out is what one machine makes of
it but for rounding. Nothing is promised: whatever comes of no cluster is fine-tuned here.
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
from core.distributed.rank import FineTuneResult, FineTuneTask, Rank
from core.estimating import estimate, resources, unit_costs
from core.jobs.events import Emit, Epoch, Event, Kept, Note
from core.model.dense import DenseHead
from core.settings import Settings
from core.system import threads
from core.training import checkpoint
from core.training.context import TrainingContext
from core.training.features import Features, OnDisk

if TYPE_CHECKING:
    import ray

    from core.training.finetune import Tuner

logger = logging.getLogger(__name__)

WORTH_IT = 60.0
"""Seconds of fine-tuning here from which others are asked. They need 9 to 23 to import TensorFlow
and to find each other, and two machines take little more than half the time from then on."""
ROWS = 4
"""Of a batch, at least, for each machine: a step has costs that do not shrink with its rows."""
PLACE_SECONDS = 20.0
"""How long the cluster may take to start a process where there is room."""
START_SECONDS = 180.0
"""How long the processes may take until the first step is done."""
STALL_SECONDS = 300.0
"""How long nothing may be heard of them afterwards: Ray knows of a lost machine far sooner."""
POLL_SECONDS = 0.2
LOST = "Fine-tuning on several machines broke off. This one goes on alone."


class DeduplicatedEpochs:
    """Passes events on, those of an epoch once only, though it be run a second time here."""

    def __init__(self, emit: Emit) -> None:
        self._emit, self._epoch = emit, 0

    def __call__(self, event: Event) -> None:
        """Say it, unless it was said."""
        if isinstance(event, Epoch):
            if event.epoch <= self._epoch:
                return
            self._epoch = event.epoch
        self._emit(event)


@dataclass(frozen=True)
class _Placed:
    """A process where there is room for it."""

    actor: Any
    address: str
    cores: int


def fit(
    context: TrainingContext,
    tuner: Tuner,
    head: DenseHead,
    found: Mapping[Split, Features],
    emit: Emit,
    path: Path | None = None,
) -> tuple[DenseHead, Kept] | None:
    """Fine-tune with other machines, where there are some and it is worth their while.

    Args:
        tuner: takes over what comes out, as if it had been trained itself.
        head: of phase 1.
        found: features with activations at the cut, of what is not tested.
        emit: is told each event as it is told here; may raise `Cancelled`.
        path: of the checkpoint that it goes on from, and in which it keeps how far it comes.

    Returns:
        What `Tuner.fit` does; None where it is still to be done here, `tuner` being as it was.
    """
    if context.settings.runner != "ray" or _seconds(context) < WORTH_IT or _has_gpu():
        return None
    with closing(_course(context, head, found, path)) as course:
        while True:
            try:
                event = next(course)
            except StopIteration as end:
                tuned: FineTuneResult | None = end.value
                return None if tuned is None else (tuner.take_over(tuned.weights), tuned.kept)
            except Exception:  # of Ray, of TensorFlow, or of a machine's own
                logger.exception("fine-tuning goes on on this machine alone")
                break
            emit(event)
    emit(Note(sentence=LOST))
    return None


def _course(
    context: TrainingContext, head: DenseHead, found: Mapping[Split, Features], path: Path | None
) -> Generator[Event, None, FineTuneResult | None]:
    """What is said meanwhile, and in the end what came of it; raises where nothing did."""
    try:
        connection.join(context.settings)
    except Exception:
        logger.exception("no cluster to fine-tune with")
        return None
    import ray

    try:
        placed = _placed(context, found["train"].on_disk())
        if len(placed) < 2:
            logger.info("no other machine has room: fine-tuning on this one")
            return None
        where = ", ".join(one.address for one in placed)
        logger.info("fine-tuning on %d machines: %s", len(placed), where)
        yield Note(sentence=f"{len(placed)} machines fine-tune together.")
        return (yield from _watched(placed, ray.put(_work(context, head, found, path))))
    finally:
        ray.shutdown()  # ends all processes, wherever they are


def _placed(context: TrainingContext, activations: OnDisk) -> list[_Placed]:
    """A process here and one on each other machine with room; less than two where none has."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here, own = _here(context.settings), threads.cores()
    memory = round(resources.PYTHON_BYTES + resources.fine_tuning_bytes(context.config))
    rank: Any = ray.remote(max_restarts=0, max_concurrency=2)(Rank)

    def place(node: str, taken: int) -> Any:
        only = NodeAffinitySchedulingStrategy(node, soft=False)
        return rank.options(num_cpus=taken, memory=memory, scheduling_strategy=only).remote()

    others = {
        node["NodeID"]: min(own, int(node["Resources"].get("CPU", 0)))
        for node in ray.nodes()
        if node["Alive"] and node["NodeID"] != here
    }
    others = {node: count for node, count in others.items() if count}
    free = int(ray.available_resources().get("CPU", 0))
    wanted = min(len(others), free, context.config.batch_size // ROWS - 1)
    if wanted < 1 or not here:
        return []
    needed, _ = activations.files[0]
    # The training has its cores already.
    asked = {(lead := place(here, 0)).address.remote(needed): _Placed(lead, "", own)}
    (first,) = asked
    for node, count in others.items():
        actor = place(node, count)
        asked[actor.address.remote(needed)] = _Placed(actor, "", count)
    found = _addresses([first], 1)
    found |= _addresses([ref for ref in asked if ref != first], wanted) if found else {}
    for ref, one in asked.items():
        if ref not in found:
            ray.kill(one.actor)
    return [replace(asked[ref], address=address) for ref, address in found.items()]


def _addresses(refs: list[ray.ObjectRef], wanted: int) -> dict[ray.ObjectRef, str]:
    """Of so many at most that are placed in time and reach what they need."""
    import ray

    found: dict[ray.ObjectRef, str] = {}
    deadline = time.monotonic() + PLACE_SECONDS
    while refs and len(found) < wanted and time.monotonic() < deadline:
        for ref in connection.ready(refs, 1, POLL_SECONDS):
            refs.remove(ref)
            with suppress(ray.exceptions.RayError):
                if address := ray.get(ref):
                    found[ref] = address
    return found


def _watched(
    placed: Sequence[_Placed], work: ray.ObjectRef
) -> Generator[Event, None, FineTuneResult]:
    """Have the processes do it, and pass on what the first of them says."""
    import ray

    lead = placed[0].actor
    addresses, counts = [one.address for one in placed], [one.cores for one in placed]
    tasks = [
        one.actor.tune.remote(work, number, addresses, counts, None if number else _affinity())
        for number, one in enumerate(placed)
    ]
    heard = lead.said.remote()
    deadline = time.monotonic() + START_SECONDS
    while True:
        done, left = ray.wait(tasks, num_returns=len(tasks), timeout=POLL_SECONDS)
        # Raises what went wrong with any of them: the others would wait for it.
        ended: list[FineTuneResult] = ray.get(done)
        if connection.ready([heard], 1, POLL_SECONDS):
            said: tuple[Event, ...] = ray.get(heard)
            heard = lead.said.remote()
            if said:
                deadline = time.monotonic() + STALL_SECONDS
            yield from said
        if not left:
            break
        if time.monotonic() > deadline:
            raise TimeoutError("nothing was heard of the processes for too long")
    tuned = _agreed(ended)
    yield from ray.get(heard, timeout=START_SECONDS)
    yield from tuned.said
    return tuned


def _agreed(ended: Sequence[FineTuneResult]) -> FineTuneResult:
    """What the first has to tell, if all ended with the same weights."""
    if len({one.digest for one in ended}) > 1:
        raise RuntimeError("the processes ended with different weights")
    return next(one for one in ended if one.weights)


def _work(
    context: TrainingContext, head: DenseHead, found: Mapping[Split, Features], path: Path | None
) -> FineTuneTask:
    return FineTuneTask(
        context.config,
        context.backbone.name,
        context.start,
        context.settings,
        head,
        found["train"].on_disk(),
        context.labels("train"),
        found["validation"].on_disk(),
        context.labels("validation"),
        None if path is None else path.resolve(),
        checkpoint.key_of(context),
    )


def _here(settings: Settings) -> str:
    """The node that this process is on, as Ray names it; empty if it is on none."""
    import ray

    if not settings.ray_address.startswith("ray://"):
        return ray.get_runtime_context().get_node_id()
    own = ray.util.get_node_ip_address()  # what Ray itself would say is the head's
    nodes = [node for node in ray.nodes() if node["Alive"] and node["NodeManagerAddress"] == own]
    return nodes[0]["NodeID"] if nodes else ""


def _affinity() -> frozenset[int]:
    with suppress(AttributeError):  # only Linux knows
        return frozenset(os.sched_getaffinity(0))
    return frozenset()


def _has_gpu() -> bool:
    """Whether this training was given a GPU, beside which other machines' cores are of no use."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "-1") not in ("", "-1")


def _seconds(context: TrainingContext) -> float:
    """How long fine-tuning on this machine will take, at most."""
    costs = unit_costs.read(context.backbone, context.settings)
    return estimate.fine_tuning_seconds(context.config, len(context.of("train")), costs)
