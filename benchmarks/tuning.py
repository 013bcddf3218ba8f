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
from core.training import config, depth
from core.training.cache import FeatureCache
from core.training.context import TrainingContext
from core.training.features import Features

CLASSES = 5
ASKED = {"unfreeze": {"stages": 2}, "fine_tune_phase": {"epochs": 4, "patience": 4}}
"""Two stages, as the preset Best; what is learned does not matter to the clock."""
PARTS: dict[Split, float] = {"train": 1.0, "validation": 0.2}


@dataclass(frozen=True)
class Tuned:
    """How fast it went.

    Attributes:
        rate: training pictures per second, median of the epochs but the first.
        before: seconds until the first step was done.
        seconds: in all.
    """

    rate: float
    before: float
    seconds: float


@dataclass(frozen=True)
class Kept:
    """Activations as a pass would have kept them, of pictures that there never were."""

    context: TrainingContext
    found: dict[Split, Features]


def kept(pictures: int, folder: Path, settings: Settings) -> Kept:
    """Random activations at the cut, in files."""
    asked, backbone = config.parse(ASKED), backbones.get(backbones.DEFAULT)
    shape = backbones.get(asked.backbone).stages[depth.cut_stage(asked)].shape
    random, examples = np.random.default_rng(0), []
    found: dict[Split, Features] = {}
    cache = FeatureCache(folder)
    for split, share in PARTS.items():
        names = [f"{split}{number:059x}" for number in range(round(share * pictures))]
        array = cache.array("random", split, "cut", shape, np.float16)
        for at in range(0, len(names), 64):
            some = names[at : at + 64]
            array.append(some, random.uniform(0, 2, (len(some), *shape)).astype(np.float16))
        rows = array.row_indices(names)[:, np.newaxis]
        embeddings = np.zeros((len(names), 1, 0), np.float32)
        found[split] = Features(embeddings, 0, 0, (array.rows(),), rows)
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
        asked, dataset, folder, backbone, settings, cache, lambda _event: None
    )
    return Kept(context, found)


def tune(given: Kept) -> Tuned:
    """Fine-tune as a training does, shared if the settings have a cluster."""
    from core.training.finetune import Tuner

    context, found = given.context, given.found
    tuner = Tuner(context.network.trunk(), context.config, CLASSES, len(context.of("train")))
    width = context.backbone.embedding
    start = DenseHead(((np.zeros((width, CLASSES), np.float32), np.zeros(CLASSES, np.float32)),))
    said: list[tuple[float, Event]] = []
    fine_tuning.WORTH_IT = 0.0

    def note(event: Event) -> None:
        said.append((time.perf_counter() - began, event))

    began = time.perf_counter()
    with fine_tuning.team(replace(context, emit=note), tuner) as team:
        if team is None and context.settings.runner == "ray":
            raise SystemExit("Fine-tuning was not shared: see the log.")
        tuner.fit(
            start,
            found["train"],
            context.labels("train"),
            found["validation"],
            context.labels("validation"),
            note,
            team=team,
        )
    seconds = time.perf_counter() - began
    epochs = [event for _, event in said if isinstance(event, Epoch) and event.epoch]
    rates = [event.pictures_per_second or 0.0 for event in epochs[1:]]
    before = next(at for at, event in said if isinstance(event, Step))
    return Tuned(median(rates), before, seconds)
