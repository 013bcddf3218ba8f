"""Compare backbones on a dataset before committing to one: heads on each, cross-validated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core import backbones
from core import dataset as dataset_room
from core.backbones import Backbone, serving, weights
from core.bakeoff.result import Candidate, Comparison, Unavailable, conditions_of
from core.dataset import Dataset, Example, Progress
from core.errors import BadDataset, Cancelled, TuskerError
from core.estimating import throughput
from core.evaluation.intervals import paired_difference, proportion
from core.model.classifier import opened
from core.settings import Settings
from core.training import cache, cross_validation, engines, features
from core.training.config import Augmentation, TrainingConfig
from core.training.network import Network

TIMED = 15
"""Calls of each model that are timed."""
STARTS, PREPARES, HEADS = 3.0, 25.0, 2.5e-3
"""Rough seconds until a worker is at work, to convert a backbone, and for the heads a picture."""


def available(settings: Settings) -> tuple[Backbone, ...]:
    """The backbones that can be compared without a download, in the order of the table."""
    return tuple(
        row
        for row in backbones.BACKBONES.values()
        if serving.locate(row, settings) is not None or weights.present(row, settings) is not None
    )


def seconds(
    pictures: int, rows: Sequence[Backbone], folder: Path, settings: Settings
) -> float | None:
    """Roughly how long a comparison takes here, if no picture was looked at before.

    Args:
        pictures: that take part.
        folder: of the intake, which knows how fast this machine is with them.

    Returns:
        None where that was not measured.
    """
    total = 0.0
    for row in rows:
        speed = throughput.read(folder, row, settings) or throughput.by_the_table(folder, row)
        if speed is None:
            return None
        alone = HEADS * pictures + (PREPARES if serving.locate(row, settings) is None else 0)
        total += alone * speed.slowness * speed.crowding_of_one
        total += pictures * (speed.decode + speed.view) * speed.crowding / speed.cores
    return STARTS + total


def compare(
    dataset: Dataset,
    pictures: Path,
    config: TrainingConfig,
    settings: Settings,
    progress: Progress,
    rows: Sequence[Backbone] | None = None,
) -> Comparison:
    """Cross-validate a linear head on each backbone, without the pictures that a run would test.

    Args:
        dataset: as examined; it is split here as a training with `config` would.
        pictures: folder that the dataset's paths are relative to.
        config: its seed, shares and class weights are used.
        progress: told what is done, how many, of how many; may raise `Cancelled`.
        rows: backbones; those at hand if None.

    Raises:
        BadDataset: too few pictures are left.
        Cancelled: by `progress`.
    """
    parted = dataset_room.split(
        dataset, validation=config.validation, test=config.test, seed=config.seed
    )
    examples = tuple(example for example in parted.examples if example.split != "test")
    labels = np.array([example.label for example in examples], np.int64)
    if len(np.unique(labels)) < 2 or np.bincount(labels).max() < 2:
        raise BadDataset(
            f"Too few pictures to compare backbones: {len(examples)} are left beside the test "
            "pictures. Add some."
        )
    answers: list[tuple[Candidate, np.ndarray]] = []
    absent: list[Unavailable] = []
    for row in available(settings) if rows is None else rows:
        try:
            answers.append(_tried(row, examples, labels, pictures, config, settings, progress))
        except Cancelled:
            raise
        except TuskerError as refusal:
            absent.append(Unavailable(backbone=row.name, why=str(refusal)))
    if not answers:
        raise BadDataset(" ".join(["No backbone could be compared."] + [a.why for a in absent]))
    progress("Timing", 0, 1)
    timed = _milliseconds(
        [serving.required(backbones.get(one.backbone), settings) for one, _ in answers]
    )
    answers = [
        (one.model_copy(update={"milliseconds": time}), right)
        for (one, right), time in zip(answers, timed, strict=True)
    ]
    return Comparison(
        terms=conditions_of(dataset, config),
        pictures=len(examples),
        held_out=len(parted.examples) - len(examples),
        contenders=_ranked(answers),
        absent=tuple(absent),
    )


def _tried(
    row: Backbone,
    examples: Sequence[Example],
    labels: np.ndarray,
    pictures: Path,
    config: TrainingConfig,
    settings: Settings,
    progress: Progress,
) -> tuple[Candidate, np.ndarray]:
    """A contender, and which pictures (n,) bool it was right on."""

    def say(what: str, done: int, total: int) -> None:
        progress(f"{row.title}: {what}", done, total)

    if serving.locate(row, settings) is None:
        say("being prepared, once", 0, 100)
        serving.prepare(
            row, settings, lambda _what, done, total: say("being prepared, once", done, total)
        )
    embeddings = _embeddings(row, examples, pictures, config, settings, say)
    probabilities = cross_validation.out_of_fold(
        embeddings,
        labels,
        cross_validation.groups(examples),
        config.seed,
        weighted=config.class_weights,
        progress=lambda done, total: say("teaching heads", done, total),
    )
    right = probabilities.argmax(axis=1) == labels
    model = serving.required(row, settings)
    contender = Candidate(
        backbone=row.name,
        right=int(right.sum()),
        accuracy=proportion(int(right.sum()), len(right)),
        behind=None,
        milliseconds=0.0,
        megabytes=model.stat().st_size / 1e6,
    )
    return contender, right


def _embeddings(
    row: Backbone,
    examples: Sequence[Example],
    pictures: Path,
    config: TrainingConfig,
    settings: Settings,
    say: Progress,
) -> np.ndarray:
    """(n, d) float32 of the plain pictures, kept for a training to find."""
    with cache.opened(cache.cache_folder(pictures, settings), settings) as kept:
        found = features.extract(
            examples,
            pictures,
            row,
            Augmentation.none(),
            engines.litert(Network(row, settings), None),
            kept,
            seed=config.seed,
            crop=config.crop,
            progress=lambda done, total: say("looking at pictures", done, total),
        )
    return found.embeddings[:, 0]


def _milliseconds(models: Sequence[Path]) -> list[float]:
    """Each model's time for one picture, as Predict asks it: one at a time, on two threads.

    They take turns, so that whatever else the machine does slows all alike; a quarter of the
    calls were faster than what is returned.
    """
    asked = [opened(model) for model in models]
    random = np.random.default_rng(0)
    views = [random.integers(0, 256, (one.size, one.size, 3), np.uint8) for one in asked]
    for one, view in zip(asked, views, strict=True):
        one.run(view)  # the first call sets it up
    times = [
        [one.run(view).seconds for one, view in zip(asked, views, strict=True)]
        for _ in range(TIMED)
    ]
    return [1000 * float(time) for time in np.percentile(times, 25, axis=0)]


def _ranked(answers: list[tuple[Candidate, np.ndarray]]) -> tuple[Candidate, ...]:
    """The best first; of equals the faster one. Each says how far it is behind the best."""
    order = sorted(answers, key=lambda one: (-one[0].right, one[0].milliseconds))
    best = order[0][1]
    behind = [None] + [
        paired_difference(int((best & ~right).sum()), int((right & ~best).sum()), len(best))
        for _, right in order[1:]
    ]
    return tuple(
        contender.model_copy(update={"behind": difference})
        for (contender, _), difference in zip(order, behind, strict=True)
    )
