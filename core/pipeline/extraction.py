"""Extract the features of a training's pictures: each view runs through the frozen layers once."""

import functools
import time
from collections.abc import Sequence

from core.dataset import Split
from core.distributed import extraction
from core.estimating import unit_costs
from core.jobs.events import StepReporter
from core.training import engines, features
from core.training.config import Augmentation
from core.training.context import TrainingContext
from core.training.engines import Engine
from core.training.features import Features

SPLIT_NAMES: dict[Split, str] = {"train": "training", "validation": "validation", "test": "test"}
MINIMUM_VIEWS = 100
"""Fewest views whose duration is recorded."""


def extract(
    context: TrainingContext,
    splits: Sequence[Split],
    stage: int | None,
    depths: tuple[str, ...] = (),
    *,
    views: int | None = None,
    report: bool = True,
) -> dict[Split, Features]:
    """Features of the training views and of the plain views of the other splits.

    Args:
        stage: index in the backbone's stages whose activations are kept; None for none.
        depths: layers whose pooled activations follow the embedding.
        views: of each training picture; all of the configuration if None.
        report: whether to report how many views came from the cache, and to record the time per
            view of the others; not while TensorFlow starts, which slows them down.
    """
    serving_engine = engines.litert(context.network, stage, depths)
    extracted: dict[Split, Features] = {}
    passed, seconds = 0, 0.0
    for split in splits:
        augmentation = Augmentation()
        engine: Engine = serving_engine
        step = f"Extracting features of {SPLIT_NAMES[split]} pictures"
        progress = functools.partial(StepReporter(context.emit), step)
        if split == "train":
            augmentation = context.config.augmentation
            if views is not None:
                augmentation = augmentation.model_copy(update={"views": views})
            # Only here: scores must come from the engine that serves predictions.
            engine = engines.for_training(serving_engine, context.network, stage, depths)
        examples, rendering = context.of(split), context.rendering(augmentation)
        if context.settings.runner == "ray" and engine is serving_engine:
            shared = extraction.extract_on_cluster(
                context, examples, rendering, serving_engine, progress
            )
            if shared is not None:
                extracted[split] = shared
                continue  # the time of its views is not that of this machine
        began = time.monotonic()
        extracted[split] = features.extract(
            examples, context.pictures, rendering, engine, context.cache, progress
        )
        if extracted[split].passed:
            passed += extracted[split].passed
            seconds += time.monotonic() - began
    if report:
        cached = sum(features.reused for features in extracted.values())
        new = sum(features.passed for features in extracted.values())
        if cached:
            context.say(
                f"{cached:,} of {cached + new:,} views came from the cache; {new:,} were extracted."
            )
        if passed >= MINIMUM_VIEWS:
            unit_costs.record(context.backbone, context.settings, "view", seconds / passed)
    return extracted
