"""Estimate time, memory and disk of a training, and reject one that cannot fit."""

from __future__ import annotations

from dataclasses import dataclass

from core import backbones
from core.dataset import Dataset
from core.errors import LimitExceeded
from core.estimating import resources, unit_costs
from core.estimating.unit_costs import UnitCosts
from core.settings import Settings
from core.system import threads
from core.training import depth
from core.training.config import TrainingConfig

START, TENSORFLOW = 0.8, 3.0
"""Seconds until a worker is at work, and that starting TensorFlow adds."""
FACTOR = 2
"""Estimates of time are expected to be right within this factor."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take.

    Attributes:
        scored: seconds from the start of its worker to a scored model.
        memory: peak bytes.
        disk: bytes that it adds.
    """

    scored: float
    memory: int
    disk: int

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        return (
            f"About {duration(self.scored)} to a scored model; "
            f"about {resources.format_bytes(self.memory)} of memory "
            f"and {resources.format_bytes(self.disk)} of disk."
        )


def estimate(dataset: Dataset, config: TrainingConfig, settings: Settings) -> Estimate:
    """Estimate a training on this machine, without any features in the cache.

    Every epoch is counted, although fine-tuning may stop early.

    Args:
        dataset: need not be split yet.
    """
    backbone = backbones.get(config.backbone)
    costs = unit_costs.read(backbone, settings)
    counts = resources.counts(dataset, config)
    scored = START + resources.views(dataset, config) * costs.view
    if config.fine_tunes:
        scored += TENSORFLOW + fine_tuning_seconds(config, counts.train, costs)
        scored += counts.test * costs.view
    return Estimate(
        scored=scored,
        memory=resources.memory(dataset, config, threads.cores()),
        disk=resources.disk(dataset, config),
    )


def fine_tuning_seconds(config: TrainingConfig, pictures: int, costs: UnitCosts) -> float:
    """Seconds that all epochs of fine-tuning take on this many training pictures."""
    return config.fine_tune_phase.epochs * pictures * depth.trained_share(config) * costs.step


def check_time(expected: Estimate, settings: Settings) -> str:
    """A warning if the training may take longer than this host allows, otherwise empty.

    Raises:
        LimitExceeded: even half of what is expected is longer.
    """
    allowed = settings.job_minutes * 60
    if expected.scored <= allowed:
        return ""
    minutes = f"{settings.job_minutes:g} minute{'' if settings.job_minutes == 1 else 's'}"
    warning = (
        f"This host allows a training {minutes}; expected are about {duration(expected.scored)}."
    )
    if expected.scored / FACTOR > allowed:
        raise LimitExceeded(
            f"{warning} Choose a quicker preset, fewer epochs or a smaller backbone; "
            f"the host can raise {settings.variable('job_minutes')}."
        )
    return warning


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
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes))
