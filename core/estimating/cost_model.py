"""What each part of a training takes in seconds of one core.

Passing is measured on some of the pictures (`pace.py`). What fine-tuning and the exports take is
remembered from trainings that ended on this machine; before the first it follows from the work of
the stages (`core/backbones/costs.py`) by constants that were fitted to trainings elsewhere.
"""

from __future__ import annotations

import itertools

from core import backbones
from core.backbones import costs
from core.dataset import Dataset
from core.estimating import measurements, resources
from core.estimating.measurements import Key, key_of
from core.estimating.resources import Counts
from core.estimating.throughput import Pace
from core.settings import Settings
from core.training import depth
from core.training.config import TrainingConfig

START = 0.6
TENSORFLOW, TENSORFLOW_LAYER = 4.2, 0.022
STEP_WORK, STEP_VALUES = 0.0043, 0.23
"""Of a step, in views of the default backbone: a million multiply-adds, a million values."""
FORWARD = 0.4
"""Part of a step that a look without learning takes."""
HEAD_ROW, HEAD_CLASS, HEAD_WEIGHT = 0.25e-3, 8e-6, 1e-9
"""Of fitting the head, for each row: itself, each class, each weight in each epoch."""
REPORT, REPORT_PICTURE = 0.15, 0.3e-3
RETRAINED = 0.6
"""To put the trained weights into the serving model and see that it answers as it should."""
EXPORTS, EXPORTS_LAYER, EXPORTS_MEGABYTE, EXPORTS_BEGUN = 27.0, 0.055, 0.2, 3.4
"""Of the files to take away; less where TensorFlow has been imported already."""
PROVEN = 200
"""Test pictures that each of these files is asked about."""
DECODED, ASKED = 5, 12
"""What that takes for each picture: times it is decoded; passes, in views."""


def passing(config: TrainingConfig, parts: Counts, pace: Pace) -> float:
    """Seconds of a core until every view has passed."""
    augmentation = config.augmentation
    given = 1 + (augmentation.flip and augmentation.views > 1)  # the plain view and its mirror
    others = parts.validation + (0 if config.fine_tunes else parts.test)
    return (
        (parts.train + others) * pace.decode
        + parts.train * (augmentation.views - given) * pace.render
        + (parts.train * augmentation.views + others) * pace.view
    )


def step(config: TrainingConfig, pace: Pace, settings: Settings) -> float:
    """Seconds of a core that a step takes for each picture: as remembered, or by its stages."""
    return step_by(pace.standard, config, settings)


def step_by(view: float, config: TrainingConfig, settings: Settings) -> float:
    """The same, where a view of the default backbone takes so many seconds."""
    remembered = measurements.recall(settings, step_key(config, settings))
    if remembered is not None:
        return remembered
    trained = depth.above(config)
    return view * (STEP_WORK * trained.work + STEP_VALUES * trained.values)


def fitting(dataset: Dataset, config: TrainingConfig, parts: Counts, pace: Pace) -> float:
    """Seconds of a core to fit the head."""
    classes, phase = len(dataset.classes), config.head_phase
    widths = (backbones.get(config.backbone).embedding, *config.head.hidden, classes)
    weights = sum(inputs * units for inputs, units in itertools.pairwise(widths))
    convex = config.head.convex_start and not config.head.hidden
    # From its optimum a linear head has nowhere to go.
    epochs = min(phase.epochs, phase.patience) if convex else phase.epochs
    each = HEAD_WEIGHT * weights * epochs + (HEAD_ROW + HEAD_CLASS * classes) * convex
    return parts.train * config.head_views * each * pace.slowness


def beginning(config: TrainingConfig, pace: Pace, settings: Settings) -> float:
    """Seconds of a core until TensorFlow has a network ready: as remembered, or by its layers."""
    remembered = measurements.recall(settings, start_key(config, settings))
    if remembered is not None:
        return remembered
    return (TENSORFLOW + TENSORFLOW_LAYER * depth.above(config).layers) * pace.slowness


def reporting(config: TrainingConfig, parts: Counts, pace: Pace) -> float:
    """Seconds of a core from what was learned to a report, looking at pictures left out."""
    seconds = REPORT + REPORT_PICTURE * parts.test + RETRAINED * config.fine_tunes
    return seconds * pace.slowness


def exporting(config: TrainingConfig, parts: Counts, pace: Pace, settings: Settings) -> float:
    """Seconds of a core for the files to take away: as remembered, or by network and pictures."""
    remembered = measurements.recall(settings, exports_key(config, settings))
    if remembered is not None:
        return remembered
    backbone = backbones.get(config.backbone)
    network = EXPORTS_LAYER * costs.between(backbone, 0).layers
    network += EXPORTS_MEGABYTE * backbone.megabytes
    asked = min(parts.test, PROVEN) * (DECODED * pace.decode + ASKED * pace.view)
    return (EXPORTS + network - EXPORTS_BEGUN * config.fine_tunes) * pace.slowness + asked


def start_key(config: TrainingConfig, settings: Settings) -> Key:
    """Seconds of a core from importing TensorFlow to a network that is ready to be trained."""
    return _above("to get ready", config, settings)


def step_key(config: TrainingConfig, settings: Settings) -> Key:
    """Seconds of a core that fine-tuning took for each training picture of each epoch.

    Looks at validation count as part of a step: `FORWARD` for each picture.
    """
    return _above("a step", config, settings)


def exports_key(config: TrainingConfig, settings: Settings) -> Key:
    """Seconds of a core that the files to take away took, after the report."""
    what = "after fine-tuning" if config.fine_tunes else "of a head"
    return key_of(f"seconds of a core for exports {what}", backbones.get(config.backbone), settings)


def remember_steps(
    config: TrainingConfig, dataset: Dataset, epochs: int, cpu: float, settings: Settings
) -> None:
    """Keep what fine-tuning took, for the estimates to come.

    Args:
        dataset: split.
        epochs: that it ran.
        cpu: seconds of the processor for all of them.
    """
    parts = resources.counts(dataset, config)
    appearance = epochs * (parts.train + FORWARD * parts.validation)
    if appearance:
        measurements.remember(settings, step_key(config, settings), cpu / appearance)


def _above(what: str, config: TrainingConfig, settings: Settings) -> Key:
    stage = depth.cut_stage(config)
    backbone = backbones.get(config.backbone)
    return key_of(f"seconds of a core {what}, above stage {stage}", backbone, settings)
