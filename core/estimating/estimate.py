"""Estimate time, memory and disk of a training, and reject one that cannot fit."""

from dataclasses import dataclass

from core import backbones
from core.backbones import Backbone, serving
from core.dataset import Dataset
from core.errors import LimitExceeded
from core.estimating import resources, unit_costs
from core.estimating.unit_costs import UnitCosts
from core.settings import Settings
from core.system import threads
from core.system.prose import duration, size
from core.training.backbone_cut import trained_share
from core.training.config import TrainingConfig

START, TENSORFLOW, PREPARE = 0.8, 3.0, 25.0
"""Seconds until a worker begins to work, that starting TensorFlow adds, and until a backbone that
was never used on this machine is converted."""
FACTOR = 2
"""Estimates of time are expected to be right within this factor."""


@dataclass(frozen=True)
class TrainingEstimate:
    """Time, memory and disk that a training will take.

    Attributes:
        scored: seconds from the start of its worker to a scored model.
        memory: peak bytes.
        disk: bytes that it adds.
        least: `scored` if the training leaves out fine-tuning, because the head makes too few
            errors; None if it will not.
    """

    scored: float
    memory: int
    disk: int
    least: float | None = None

    @property
    def time(self) -> str:
        """Time until results: `8 s`, or `8 s to 26 s` if fine-tuning may be left out."""
        times = [duration(max(1.0, x)) for x in (self.least, self.scored) if x is not None]
        return " to ".join(dict.fromkeys(times))

    @property
    def sentence(self) -> str:
        """The three figures in a sentence."""
        return (
            f"About {self.time} until results; about {size(self.memory)} of memory and "
            f"{size(self.disk)} of disk."
        )


def estimate(dataset: Dataset, config: TrainingConfig, settings: Settings) -> TrainingEstimate:
    """Estimate a training on this machine, without any features in the cache.

    The dataset need not be split yet.
    """
    optional = config.fine_tunes and config.unfreeze.least_errors
    plain = config.without_fine_tuning() if optional else None
    return TrainingEstimate(
        scored=seconds(dataset, config, settings),
        memory=max(
            [
                resources.memory(dataset, config, threads.cores()),
                *map(serving.conversion_bytes, _unprepared(config, settings)),
            ]
        ),
        disk=resources.disk(dataset, config),
        least=seconds(dataset, plain, settings) if plain else None,
    )


def seconds(dataset: Dataset, config: TrainingConfig, settings: Settings) -> float:
    """Seconds to a scored model; with alternatives, as if the slowest of all were trained."""
    counts = resources.counts(dataset, config)
    comparing, training = [], []
    for candidate in config.candidates():
        costs = unit_costs.read(backbones.get(candidate.backbone), settings)
        comparing.append((counts.train + counts.validation) * costs.view)
        training.append(resources.views(dataset, candidate) * costs.view - comparing[-1])
        if candidate.fine_tunes:
            training[-1] += TENSORFLOW + fine_tuning_seconds(candidate, counts.train, costs)
            training[-1] += counts.test * costs.view
    prepared = PREPARE * len(_unprepared(config, settings))  # without the time of downloads
    return START + prepared + sum(comparing) + max(training)


def fine_tuning_seconds(config: TrainingConfig, pictures: int, costs: UnitCosts) -> float:
    """Seconds that all epochs of fine-tuning take on this many training pictures."""
    return config.fine_tune_phase.epochs * pictures * trained_share(config) * costs.step


def check_time(expected: TrainingEstimate, settings: Settings) -> str:
    """A warning if the training may take longer than this host allows, otherwise empty.

    Raises:
        LimitExceeded: even half of the estimate is longer.
    """
    allowed = settings.job_minutes * 60
    if expected.scored <= allowed:
        return ""
    warning = (
        f"A training may take {settings.job_minutes:g} min on this host; this one is expected to "
        f"take about {duration(expected.scored)}."
    )
    if expected.scored / FACTOR > allowed:
        raise LimitExceeded(
            f"{warning} Choose a quicker preset, fewer epochs or a smaller backbone; "
            f"the host can raise {settings.variable('job_minutes')}."
        )
    return warning


def _unprepared(config: TrainingConfig, settings: Settings) -> list[Backbone]:
    """The backbones of a training that have to be converted first."""
    used = {each.backbone: backbones.get(each.backbone) for each in config.candidates()}
    return [row for row in used.values() if serving.locate(row, settings) is None]
