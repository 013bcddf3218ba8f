"""What a job asks of a machine of the cluster: cores, memory, and a GPU where there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import TuskerError
from core.jobs.folder import JobFolder, Kind
from core.settings import MEGABYTE

CORES: dict[Kind, int] = {
    "intake": 1, "prepare": 1, "measure": 1, "import": 1, "compare": 2, "train": 2,
}  # fmt: skip
PRESET_CORES = {"quick": 2, "balanced": 2, "thorough": 4}
MEMORY: dict[Kind, int] = {
    "intake": 500 * MEGABYTE,
    "prepare": 2_000 * MEGABYTE,
    "measure": 500 * MEGABYTE,
    "import": 2_000 * MEGABYTE,
    "compare": 1_000 * MEGABYTE,
    "train": 2_000 * MEGABYTE,
}
"""What such jobs take at most; a training's is reckoned from what was ordered."""


@dataclass(frozen=True)
class Needs:
    """What a job asks for: cores, bytes of memory, GPUs."""

    cores: int
    memory: int
    gpus: int = 0


def of(job: JobFolder) -> Needs:
    """What the job ordered in a folder needs; a training's by its preset and its dataset."""
    kind = job.order().kind
    if kind != "train":
        return Needs(CORES[kind], MEMORY[kind])
    from core import backbones
    from core.estimating import resources
    from core.runs.run import Run

    try:
        run = Run(job.path)
        config = run.config()
        cores = PRESET_CORES.get(config.preset, CORES["train"])
        needed = max(
            resources.memory(run.dataset(), config, cores),
            resources.export_memory(backbones.get(config.backbone)),
        )
    except TuskerError:
        return Needs(CORES["train"], MEMORY["train"])  # the worker says what is wrong with it
    return Needs(cores, needed, gpus=int(config.fine_tunes))


def within(needs: Needs, machines: Sequence[Mapping[str, float]]) -> Needs:
    """What is asked for of these machines, so that the largest of them can grant it.

    A job that is too large for all of them goes there too: the worker knows better than a
    scheduler whether it fits, and says so in a sentence.

    Args:
        machines: Ray's resources of each: `CPU` in cores, `memory` in bytes, `GPU`.
    """
    largest = max(machines, key=lambda one: (one.get("CPU", 0), one.get("memory", 0)), default={})
    gpus = max((one.get("GPU", 0) for one in machines), default=0)
    if needs.gpus and gpus:
        # Cores and memory are those of the machine that has it.
        largest = max(machines, key=lambda one: (one.get("GPU", 0), one.get("CPU", 0)))
    return Needs(
        cores=max(1, min(needs.cores, int(largest.get("CPU", needs.cores)))),
        memory=min(needs.memory, int(largest.get("memory", needs.memory))),
        gpus=min(needs.gpus, int(gpus)),
    )
