"""The resources that a job requests of a machine: cores, memory, and a GPU if there is one."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from core.errors import TuskerError
from core.estimating import resources
from core.jobs.folder import JobFolder, Kind
from core.runs.run import Run
from core.settings import MEGABYTE


@dataclass(frozen=True)
class Needs:
    """Number of cores, bytes of memory, number of GPUs."""

    cores: int
    memory: int
    gpus: int = 0


NEEDS: dict[Kind, Needs] = {
    "intake": Needs(1, 500 * MEGABYTE),
    "prepare": Needs(1, 2_000 * MEGABYTE),
    "import": Needs(1, 2_000 * MEGABYTE),
    "compare": Needs(2, 1_000 * MEGABYTE),
    "train": Needs(2, 2_000 * MEGABYTE),
    "export": Needs(1, 2_000 * MEGABYTE),
}
BEST_CORES = 4


def of(job: JobFolder) -> Needs:
    """The needs of a job; for a training, by its preset and its dataset."""
    kind = job.spec().kind
    if kind != "train":
        return NEEDS[kind]
    run = Run(job.path)
    try:
        config = run.config()
        cores = BEST_CORES if config.preset == "best" else NEEDS[kind].cores
        memory = resources.memory(run.dataset(), config, cores)
    except TuskerError:
        return NEEDS[kind]  # the worker reports the problem
    return Needs(cores, memory, gpus=int(config.fine_tunes))


def within(needs: Needs, machines: Sequence[Mapping[str, float]]) -> Needs:
    """Limit the needs of a job to what the largest machine of the cluster has.

    A job that needs more is sent to that machine, too: its worker checks whether the job fits, and
    reports in a sentence if it does not.

    Args:
        machines: Ray's resources of each: `CPU` in cores, `memory` in bytes, `GPU`.
    """
    gpus = min(needs.gpus, int(max((m.get("GPU", 0) for m in machines), default=0)))
    able = [machine for machine in machines if machine.get("GPU", 0) >= gpus]
    largest = max(able, key=lambda m: (m.get("CPU", 0), m.get("memory", 0)), default={})
    return Needs(
        cores=max(1, min(needs.cores, int(largest.get("CPU", needs.cores)))),
        memory=min(needs.memory, int(largest.get("memory", needs.memory))),
        gpus=gpus,
    )


def machines(avoided: Container[str]) -> list[dict[str, float]]:
    """Resources of each machine that can be given work, in use or not, as Ray names them.

    Args:
        avoided: Ray's ids of nodes that get none.
    """
    import ray

    return [
        node["Resources"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in avoided
    ]
