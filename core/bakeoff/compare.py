"""Compare backbones on a dataset, by cross-validating a linear head on each."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from core import backbones
from core import dataset as datasets
from core.backbones import Backbone, serving, weights
from core.bakeoff.result import Candidate, Comparison, Unavailable, conditions_of
from core.dataset import Dataset, Example, splitting
from core.errors import BadDataset, Cancelled, TuskerError
from core.estimating import unit_costs
from core.estimating.estimate import PREPARE
from core.evaluation import folds
from core.evaluation.differences import holm, sign_flip
from core.evaluation.intervals import accuracy_difference, share
from core.images import Scale
from core.model.classifier import on_two_threads
from core.settings import Settings
from core.system.progress import Progress
from core.training import cache, cross_validation, engines, features
from core.training.augmentation import Rendering
from core.training.config import Augmentation, TrainingConfig
from core.training.network import Network

TIMED = 15
"""Timed calls of each model."""
STARTS, HEADS = 3.0, 1e-3
"""Rough seconds to start a worker, and per picture to train heads."""


def available(settings: Settings) -> tuple[Backbone, ...]:
    """Backbones that can be compared without a download, in the order of the table."""
    return tuple(
        row
        for row in backbones.BACKBONES.values()
        if serving.locate(row, settings) is not None or weights.present(row, settings) is not None
    )


def seconds(pictures: int, rows: Sequence[Backbone], settings: Settings) -> float:
    """Roughly how long a comparison takes on this machine, without any features in the cache.

    Args:
        pictures: number of pictures that take part.
    """
    total = STARTS
    for row in rows:
        total += PREPARE if serving.locate(row, settings) is None else 0
        total += pictures * (HEADS + unit_costs.read(row, settings).view)
    return total


def compare(
    dataset: Dataset, pictures: Path, config: TrainingConfig, settings: Settings, progress: Progress
) -> Comparison:
    """Cross-validate a linear head on each available backbone, without the test pictures of a run.

    Args:
        dataset: as examined; it is split as in a training with `config`.
        pictures: folder that the dataset's paths are relative to.
        config: for its seed, shares and class weights.
        progress: called with the current step, items done and items in all; may raise `Cancelled`.

    Raises:
        BadDataset: there are too few pictures besides the test set, or no backbone is available.
    """
    split = datasets.split(
        dataset, validation=config.validation, test=config.test, seed=config.seed
    )
    examples = tuple(example for example in split.examples if example.split != "test")
    labels = np.array([example.label for example in examples], np.int64)
    if len(np.unique(labels)) < 2 or np.bincount(labels).max() < 2:
        raise BadDataset(
            "Expected two pictures per class and two classes besides the test set, found "
            f"{len(examples)} pictures. Add some."
        )
    correct: dict[str, np.ndarray] = {}
    unavailable: list[Unavailable] = []
    for row in available(settings):
        try:
            correct[row.name] = _correct(
                row, examples, labels, pictures, dataset.scale, config, settings, progress
            )
        except Cancelled:
            raise
        except TuskerError as error:
            unavailable.append(Unavailable(backbone=row.name, reason=str(error)))
    if not correct:
        reasons = dict.fromkeys(
            row.reason for row in unavailable
        )  # such as one picture, for all of them
        raise BadDataset(" ".join(["No backbone could be compared.", *reasons]))
    progress("Timing", 0, 1)
    models = [serving.required(backbones.get(name), settings) for name in correct]
    milliseconds = dict(zip(correct, _milliseconds(models), strict=True))
    megabytes = {name: m.stat().st_size / 1e6 for name, m in zip(correct, models, strict=True)}
    return Comparison(
        conditions=conditions_of(dataset, config),
        pictures=len(examples),
        held_out=len(split.examples) - len(examples),
        candidates=ranked(correct, splitting.groups(examples), milliseconds, megabytes),
        unavailable=tuple(unavailable),
    )


def ranked(
    correct: dict[str, np.ndarray],
    groups: np.ndarray,
    milliseconds: dict[str, float],
    megabytes: dict[str, float],
) -> tuple[Candidate, ...]:
    """Rank the backbones, the best first and among equals the fastest, each compared with the best.

    P-values are adjusted for all pairs of backbones, because the best is chosen by the figures that
    it is compared by.

    Args:
        correct: by backbone, whether each picture was predicted correctly, (n,) bool.
        groups: group of each picture, (n,).
        milliseconds, megabytes: by backbone.
    """
    order = sorted(correct, key=lambda name: (-correct[name].sum(), milliseconds[name]))
    changes = [
        correct[first].astype(np.int64) - correct[second]
        for first, second in combinations(order, 2)
    ]
    # The pairs with the best come first.
    p_values = holm([sign_flip(change, groups) for change in changes])[: len(order) - 1]
    differences = [accuracy_difference(change, groups) for change in changes[: len(order) - 1]]
    return tuple(
        Candidate(
            backbone=name,
            correct=int(correct[name].sum()),
            accuracy=share(correct[name], groups),
            difference=difference,
            p=p,
            milliseconds=milliseconds[name],
            megabytes=megabytes[name],
        )
        for name, difference, p in zip(order, [None, *differences], [None, *p_values], strict=True)
    )


def _correct(
    row: Backbone,
    examples: Sequence[Example],
    labels: np.ndarray,
    pictures: Path,
    scale: Scale,
    config: TrainingConfig,
    settings: Settings,
    progress: Progress,
) -> np.ndarray:
    """Whether a head on a backbone predicts each picture correctly out of fold, (n,) bool."""

    def report(step: str, done: int, total: int) -> None:
        progress(f"{row.title}: {step}", done, total)

    if serving.locate(row, settings) is None:
        report("being prepared, once", 0, 100)
        serving.prepare(
            row, settings, lambda _step, done, total: report("being prepared, once", done, total)
        )
    # Cached for a later training.
    with cache.open_cache(cache.cache_folder(pictures, settings), settings) as opened_cache:
        extracted = features.extract(
            examples,
            pictures,
            Rendering(Augmentation(), row.size, config.crop, settings, scale=scale),
            engines.litert(Network(row, settings), None),
            opened_cache,
            progress=lambda done, total: report("extracting features", done, total),
        )
    groups = splitting.groups(examples)
    count = max(folds.MINIMUM, folds.feasible(labels, groups, cross_validation.FOLDS))
    fold = folds.assign(labels, groups, count, config.seed)
    validated = cross_validation.cross_validate(
        extracted.embeddings[:, 0],
        labels,
        fold,
        weighted=config.class_weights,
        progress=lambda done, total: report("training heads", done, total),
    )
    return validated.probabilities.argmax(axis=1) == labels


def _milliseconds(models: Sequence[Path]) -> list[float]:
    """Time of each model for one picture at a time, as on Predict: the lower quartile of its calls.

    The models take turns, so that other load on the machine slows all of them equally.
    """
    classifiers = [on_two_threads(model) for model in models]
    random = np.random.default_rng(0)
    views = [random.integers(0, 256, (c.size, c.size, 3), np.uint8) for c in classifiers]
    for classifier, view in zip(classifiers, views, strict=True):
        classifier.run(view)  # the first call is slow
    times = [
        [c.run(view).seconds for c, view in zip(classifiers, views, strict=True)]
        for _ in range(TIMED)
    ]
    return [1000 * float(time) for time in np.percentile(times, 25, axis=0)]
