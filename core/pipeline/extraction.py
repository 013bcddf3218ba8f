"""Look at the pictures of a training: choose the engine, make the pass, say how it went."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from core import images
from core.dataset import Split
from core.distributed import extraction
from core.estimating.known import EMBEDDING
from core.jobs.events import Counter, Note
from core.pipeline import choice
from core.training import engines, features
from core.training.cache import view_keys
from core.training.config import Augmentation
from core.training.context import TrainingContext
from core.training.engines import Engine, LitertEngine
from core.training.features import Features

PROBES = 16
"""Pictures to measure engines with."""
NAMED: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}


def extract(
    context: TrainingContext, splits: Sequence[Split], stage: int | None
) -> dict[Split, Features]:
    """Features of the training views and of the plain views of the other splits.

    Args:
        stage: index in the backbone's stages whose activations are kept; None for none.
    """
    light = engines.litert(context.network, stage)
    count = Counter(context.emit)
    found: dict[Split, Features] = {}
    for split in splits:
        training = split == "train"
        augmentation = context.config.augmentation if training else Augmentation.none()
        progress = functools.partial(count, f"Looking at {NAMED[split]} pictures")
        if context.settings.runner == "ray":
            extraction.extract_on_cluster(context, context.of(split), augmentation, light, progress)
        found[split] = features.extract(
            context.of(split),
            context.pictures,
            context.backbone,
            augmentation,
            # What is scored is seen by the engine that serves predictions.
            _fastest(context, stage, light) if training else light,
            context.cache,
            seed=context.config.seed,
            crop=context.config.crop,
            progress=progress,
        )
    _say(context, found)
    return found


def _fastest(context: TrainingContext, stage: int | None, light: LitertEngine) -> Engine:
    """The engine for the training views."""
    examples, augmentation = context.of("train"), context.config.augmentation
    wanted = {example.sha256 for example in examples}
    names = view_keys(augmentation, context.config.seed, context.config.crop)

    def missing(engine: str) -> int:
        known = (context.cache.known(engine, name, light.cut or EMBEDDING) for name in names)
        return sum(len(wanted - pictures) for pictures in known)

    def probes() -> np.ndarray:
        size, crop = context.backbone.size, context.config.crop
        paths = [context.pictures / example.path for example in examples[:PROBES]]
        return np.stack([images.load(path, size, crop) for path in paths])

    return choice.choose(light, context.network, stage, missing=missing, probes=probes)


def _say(context: TrainingContext, found: dict[Split, Features]) -> None:
    reused = sum(features.reused for features in found.values())
    passed = sum(features.passed for features in found.values())
    if reused:
        context.emit(
            Note(
                sentence=f"{reused:,} of {reused + passed:,} views were known from before; "
                f"{passed:,} went through the backbone."
            )
        )
