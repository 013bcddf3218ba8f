"""How much memory and disk a training needs, and whether that much is free."""

import math
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from core import backbones
from core.dataset import Dataset, fingerprints
from core.settings import MEGABYTE, Settings
from core.system import capacity, threads
from core.training import backbone_cut
from core.training.config import TrainingConfig

FLOAT32, FLOAT16 = 4, 2
PYTHON_BYTES = 135 * MEGABYTE
"""Memory of a worker that decodes pictures and runs LiteRT."""
TENSORFLOW_BYTES = 640 * MEGABYTE
"""Memory that TensorFlow and Keras add once they have built a network."""
INTERPRETER = 1.6
"""Memory of an interpreter, relative to its file."""
FEATURE_COPIES = 3
"""Copies of the embeddings while the head is fitted."""
PARAMETER_COPIES = 4
"""Copies of each parameter: its value, the best so far, and two moments of the optimiser."""
ACTIVATION_COPIES = 2
"""Bytes of a step relative to those of its layers' outputs: gradients and work space."""
MODEL_FILES = 1.2
"""Disk space of the LiteRT file and the files beside it, relative to the model."""
THUMBNAIL_BYTES = 6_000
ADVICE = {
    "memory": "Unfreeze fewer stages, take a smaller backbone or fewer views, or end other work on "
    "this machine.",
    "disk": "Take fewer views, unfreeze fewer stages, or delete runs that are no longer needed.",
}

Cached = Callable[[TrainingConfig], tuple[int, int]]
"""Views in the cache that a candidate needs to be compared, and then to be trained."""


class Counts(NamedTuple):
    """Number of pictures in each split."""

    train: int
    validation: int
    test: int


def counts(dataset: Dataset, config: TrainingConfig) -> Counts:
    """Pictures in each split; by the shares where the dataset does not fix them yet."""
    splits = Counter(example.split for example in dataset.examples)
    test = splits["test"] or round(splits.total() * config.test)
    remaining = splits.total() - test
    validation = splits["validation"] or round(remaining * config.validation / (1 - config.test))
    return Counts(max(1, remaining - validation), max(1, validation), max(1, test))


def views(dataset: Dataset, config: TrainingConfig) -> int:
    """How many views pass through the backbone before the head is fitted."""
    splits = counts(dataset, config)
    plain = splits.validation + (0 if config.fine_tunes else splits.test)
    return splits.train * config.augmentation.views + plain


def memory(dataset: Dataset, config: TrainingConfig, cores: int) -> int:
    """Peak bytes of a training up to a scored model.

    Cached activations are not counted: they are memory-mapped, so the system can drop their pages.
    With alternatives it is the peak of the one that needs most.
    """
    peaks = [
        PYTHON_BYTES
        + cores * INTERPRETER * backbones.get(candidate.backbone).megabytes * MEGABYTE
        + FEATURE_COPIES * views(dataset, candidate) * embedding_bytes(candidate)
        + (fine_tuning_bytes(candidate) if candidate.fine_tunes else 0)
        for candidate in config.candidates()
    ]
    return math.ceil(max(peaks))


def embedding_bytes(config: TrainingConfig) -> int:
    """Bytes of the features of one view."""
    backbone = backbones.get(config.backbone)
    return backbone.width(() if config.features == "last" else backbone.depths) * FLOAT32


def fine_tuning_bytes(config: TrainingConfig) -> float:
    """Bytes that fine-tuning adds to a process."""
    parameters = PARAMETER_COPIES * backbones.get(config.backbone).megabytes * MEGABYTE
    return TENSORFLOW_BYTES + parameters + config.batch_size * step_bytes(config)


def step_bytes(config: TrainingConfig) -> float:
    """Bytes that a fine-tuning step keeps for each picture of its batch."""
    values = sum(stage.activations for stage in backbone_cut.trained_stages(config))
    return ACTIVATION_COPIES * values * 1e6 * FLOAT32


def disk(dataset: Dataset, config: TrainingConfig, cached: Cached = lambda _: (0, 0)) -> int:
    """Bytes that a training adds: features of every view, and the run.

    Alternatives are compared on plain views before one is trained; here the one that needs most.
    """
    splits = counts(dataset, config)
    comparing, training = [], []
    for candidate in config.candidates():
        view = view_bytes(candidate)
        plain = splits.train + splits.validation
        later = views(dataset, candidate) - plain
        cached_plain, cached_later = cached(candidate)
        comparing.append(max(0, plain - cached_plain) * view)
        training.append(max(0, later - cached_later) * view + run_bytes(splits, candidate))
    return math.ceil(sum(comparing) + max(training))


def view_bytes(config: TrainingConfig) -> int:
    """Bytes of disk that the features of one view take."""
    total = embedding_bytes(config)
    if config.fine_tunes:
        cut = backbones.get(config.backbone).stages[backbone_cut.cut_stage(config)]
        total += math.prod(cut.shape) * FLOAT16
    return total


def run_bytes(splits: Counts, config: TrainingConfig) -> float:
    """Bytes of disk that a run takes."""
    backbone = backbones.get(config.backbone)
    top = 1000 * backbone.embedding * FLOAT32  # ImageNet's classes, which no run has
    model = backbone.megabytes * MEGABYTE - top
    files = MODEL_FILES + 1 if config.fine_tunes else MODEL_FILES  # a model that predicts, too
    fingerprinted = splits.train + splits.validation
    return files * model + splits.test * THUMBNAIL_BYTES + fingerprinted * fingerprints.BYTES


def check(
    dataset: Dataset, config: TrainingConfig, settings: Settings, cached: Cached = lambda _: (0, 0)
) -> TrainingConfig:
    """Halve the batch until the training fits into free memory; refuse it if it cannot fit.

    Args:
        dataset: need not be split yet.
        cached: views whose features are on the disk already.

    Raises:
        NotEnoughResources: too little memory even for a batch of one, or too little disk.
    """
    cores, available = threads.cores(), capacity.free_memory()
    while config.fine_tunes and config.batch_size > 1:
        if memory(dataset, config, cores) <= available * (1 - capacity.SPARE):
            break
        config = config.model_copy(update={"batch_size": config.batch_size // 2})
    capacity.require("memory", memory(dataset, config, cores), available, ADVICE["memory"])
    free = capacity.free_disk(settings.home)
    capacity.require("disk", disk(dataset, config, cached), free, ADVICE["disk"])
    return config
