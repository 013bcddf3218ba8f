"""Fine-tuning for `benchmarks.scaleout`: on one core, or shared with the nodes of a cluster."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from core import backbones
from core.dataset import Dataset, Example, Split
from core.distributed import fine_tuning
from core.jobs.events import Epoch, Event, Step
from core.model.dense import DenseHead
from core.settings import Settings
from core.training import backbone_cut, config
from core.training.cache import FeatureCache
from core.training.context import TrainingContext
from core.training.features import Features

CLASSES = 5
CONFIGURATION = {"unfreeze": {"stages": 2}, "fine_tune_phase": {"epochs": 4, "patience": 4}}
"""Two stages, as the preset Best. The other settings do not affect the time."""
PARTS: dict[Split, float] = {"train": 1.0, "validation": 0.2}


@dataclass(frozen=True)
class Tuned:
    """The speed of fine-tuning.

    Attributes:
        rate: training pictures per second, the median over all epochs but the first.
        before: seconds until the first step was done.
        seconds: of all.
    """

    rate: float
    before: float
    seconds: float


@dataclass(frozen=True)
class Stored:
    """Features with random activations, in the form in which an extraction stores them."""

    context: TrainingContext
    features: dict[Split, Features]


def random_activations(pictures: int, folder: Path, settings: Settings) -> Stored:
    """Random activations at the cut, in the files of a cache in `folder`."""
    configuration = config.parse(CONFIGURATION)
    backbone = backbones.get(configuration.backbone)
    shape = backbone.stages[backbone_cut.cut_stage(configuration)].shape
    random, examples = np.random.default_rng(0), []
    stored: dict[Split, Features] = {}
    cache = FeatureCache(folder)
    for split, share in PARTS.items():
        names = [f"{split}{number:059x}" for number in range(round(share * pictures))]
        array = cache.array("random", split, "cut", shape, np.float16)
        for first in range(0, len(names), 64):
            block = names[first : first + 64]
            array.append(block, random.uniform(0, 2, (len(block), *shape)).astype(np.float16))
        rows = array.row_indices(names)[:, np.newaxis]
        embeddings = np.zeros((len(names), 1, 0), np.float32)
        stored[split] = Features(embeddings, 0, 0, (array.rows(),), rows)
        examples += [
            Example(
                name=name, path=name, label=number % CLASSES, sha256=name, width=0, height=0
            ).model_copy(update={"split": split})
            for number, name in enumerate(names)
        ]
    dataset = Dataset(
        name="random", classes=tuple(map(str, range(CLASSES))), examples=tuple(examples)
    )
    context = TrainingContext(
        configuration, dataset, folder, backbone, settings, cache, lambda _event: None
    )
    return Stored(context, stored)


def tune(stored: Stored) -> Tuned:
    """Fine-tune as a training does, shared if the settings have a cluster."""
    from core.training.finetune import Tuner

    context, splits = stored.context, stored.features
    tuner = Tuner(context.network.trunk(), context.config, CLASSES, len(context.of("train")))
    width = context.backbone.embedding
    start = DenseHead(((np.zeros((width, CLASSES), np.float32), np.zeros(CLASSES, np.float32)),))
    events: list[tuple[float, Event]] = []
    fine_tuning.MINIMUM_SECONDS = 0.0

    def note(event: Event) -> None:
        events.append((time.perf_counter() - began, event))

    began = time.perf_counter()
    with fine_tuning.team(replace(context, emit=note), tuner) as team:
        if team is None and context.settings.runner == "ray":
            raise SystemExit("Fine-tuning was not shared: see the log.")
        tuner.fit(
            start,
            splits["train"],
            context.labels("train"),
            splits["validation"],
            context.labels("validation"),
            note,
            team=team,
        )
    seconds = time.perf_counter() - began
    epochs = [event for _, event in events if isinstance(event, Epoch) and event.epoch]
    rates = [event.pictures_per_second or 0.0 for event in epochs[1:]]
    before = next(seconds_after for seconds_after, event in events if isinstance(event, Step))
    return Tuned(median(rates), before, seconds)
