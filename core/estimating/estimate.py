"""Say before a training how long it will take, and how much memory and disk.

Seconds are added up from terms in seconds of one core:

    start      a worker process with what it imports
    pass       decode each picture; render the random views of those for training; pass each view
    head       the convex start by rows; then its epochs
    TensorFlow with fine-tuning: import it, build and trace the step, beside the pass and the head
    fine-tune  each epoch a step for each training picture, and a look at validation
    score      after fine-tuning: decode and pass the test pictures, now through what was trained
    report     by its pictures

Work on all cores is divided by their number, and both kinds are multiplied by how crowded the
machine was when it was measured. The terms themselves are in `terms.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core import backbones
from core.dataset import Dataset
from core.errors import LimitExceeded
from core.estimating import cost_model, resources
from core.estimating import throughput as pace_room
from core.estimating.throughput import Pace
from core.settings import Settings
from core.system import threads
from core.training.config import TrainingConfig

BUSY = 0.95
"""Part of the time for which the pass keeps all cores busy."""
MEASURED, WORKED_OUT, BY_THE_TABLE = 1.25, 1.4, 1.6
"""Factors within which a time is expected by what it rests on."""
ROOM = 1.25
"""The same for memory and disk."""


@dataclass(frozen=True)
class Amount:
    """A figure with how sure it is: it is expected from `low` to `high`."""

    value: float
    low: float
    high: float

    @classmethod
    def within(cls, value: float, factor: float, *, least: float | None = None) -> Amount:
        """A figure that may be off by a factor; from `least` if that is what it varies from."""
        return cls(value, (value if least is None else least) / factor, value * factor)


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Attributes:
        scored: seconds from the start of its worker to a scored model.
        exports: seconds from there until the files to take away are made.
        memory: peak bytes up to the scored model.
        export_memory: peak bytes of making the files.
        disk: bytes that it adds.
    """

    scored: Amount
    exports: Amount
    memory: Amount
    export_memory: Amount
    disk: Amount

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        return (
            f"About {_span(self.scored)} to a scored model, then "
            f"{duration(self.exports.value)} for the files to download; "
            f"about {resources.said(self.memory.value)} of memory "
            f"and {resources.said(self.disk.value)} of disk."
        )


def estimate(
    dataset: Dataset, config: TrainingConfig, pace: Pace, settings: Settings, *, known: int = 0
) -> Estimate:
    """What a training will take on this machine.

    Args:
        dataset: need not be split yet.
        pace: measured with some of its pictures.
        settings: where measurements are remembered.
        known: views that are in the feature cache already.
    """
    backbone = backbones.get(config.backbone)
    parts = resources.counts(dataset, config)
    views = resources.views(dataset, config)
    all_cores = pace.crowding / pace.cores
    one_core = pace.crowding_of_one

    looking = (
        cost_model.passing(config, parts, pace) * (1 - min(1.0, known / views)) / BUSY * all_cores
    )
    looking += cost_model.fitting(dataset, config, parts, pace) * one_core
    report = cost_model.reporting(config, parts, pace) * one_core
    tuning = least = 0.0
    factor = WORKED_OUT if config.fine_tunes else MEASURED
    if config.fine_tunes:
        beginning = cost_model.beginning(config, pace, settings)
        looking = max(beginning * one_core, looking + beginning * all_cores)
        step = cost_model.step(config, pace, settings)
        epoch = step * (parts.train + cost_model.FORWARD * parts.validation) * all_cores
        tuning = config.fine_tune_phase.epochs * epoch
        least = min(config.fine_tune_phase.epochs, config.fine_tune_phase.patience) * epoch
        scoring = parts.test * (pace.decode + pace.view)
        report += scoring / BUSY * all_cores
    fixed = cost_model.START * pace.slowness * one_core + looking + report
    exports = cost_model.exporting(config, parts, pace, settings) * one_core
    if pace.scaled:
        factor = BY_THE_TABLE
    return Estimate(
        scored=Amount.within(fixed + tuning, factor, least=fixed + least),
        exports=Amount.within(exports, WORKED_OUT),
        memory=Amount.within(resources.memory(dataset, config, pace.cores), ROOM),
        export_memory=Amount.within(resources.export_memory(backbone), ROOM),
        disk=Amount.within(resources.disk(dataset, config), ROOM),
    )


def measured(
    dataset: Dataset, pictures: Path, configs: Sequence[TrainingConfig], settings: Settings
) -> list[Estimate]:
    """Estimates of several trainings on the same pictures with the same backbone.

    Args:
        pictures: folder that the dataset's paths are relative to; some are looked at.

    Raises:
        BadImage: a picture can no longer be read.
    """
    backbone = backbones.get(configs[0].backbone)
    pace = pace_room.take(dataset.examples, pictures, backbone, settings)
    return [estimate(dataset, config, pace, settings) for config in configs]


def check(dataset: Dataset, config: TrainingConfig, settings: Settings) -> TrainingConfig:
    """Refuse what this machine cannot do now, and fit the batch to the memory that is free.

    Args:
        dataset: need not be split yet.

    Returns:
        The configuration, with a smaller batch where the one asked for would not fit.

    Raises:
        NotEnoughResources: too little memory even for a batch of one, or too little disk.
    """
    cores = threads.cores()
    available = resources.free_memory()
    fitting = resources.fitted(dataset, config, available, cores)
    resources.require_memory(resources.memory(dataset, fitting, cores), available)
    resources.require_disk(resources.disk(dataset, fitting), resources.free_disk(settings))
    return fitting


def check_exports(config: TrainingConfig) -> None:
    """Refuse to make files in less memory than that takes; the report stands without them.

    Raises:
        NotEnoughResources: it says how much was expected and found.
    """
    needed = resources.export_memory(backbones.get(config.backbone))
    resources.require_memory(needed, resources.free_memory())


def check_time(foreseen: Estimate, settings: Settings) -> None:
    """Refuse what this host will not let end.

    Args:
        foreseen: by a pace without crowding: a machine that is busy now may not be so later.

    Raises:
        LimitExceeded: even the least that is expected is more than it allows.
    """
    if foreseen.scored.low > settings.job_minutes * 60:
        raise LimitExceeded(
            f"{overtime(foreseen, settings)} Take a quicker preset, fewer epochs or a smaller "
            f"backbone; the host can raise {settings.variable('job_minutes')}."
        )


def overtime(foreseen: Estimate, settings: Settings) -> str:
    """A sentence if it may take longer than this host allows; else nothing."""
    if foreseen.scored.high + foreseen.exports.high <= settings.job_minutes * 60:
        return ""
    allowed = f"{settings.job_minutes:g} minute{'' if settings.job_minutes == 1 else 's'}"
    return (
        f"This host allows a training {allowed}; expected are about {_span(foreseen.scored)}, and "
        f"{duration(foreseen.exports.value)} more for the files to download."
    )


def duration(seconds: float) -> str:
    """`6 s`, `40 s`, `2.5 min`, `1 h 20 min`: to as many digits as an estimate deserves."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 20:
        return f"{seconds:.0f} s"
    if seconds < 88:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 285:
        return f"{round(seconds / 30) / 2:g} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def _span(amount: Amount) -> str:
    low, high = duration(amount.low), duration(amount.high)
    if low == high:
        return duration(amount.value)
    number, _, unit = low.partition(" ")
    if high == f"{high.partition(' ')[0]} {unit}":
        return f"{duration(amount.value)} ({number}–{high})"
    return f"{duration(amount.value)} ({low} to {high})"
