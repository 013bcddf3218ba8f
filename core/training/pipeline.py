"""A training from pictures to a finished run, top to bottom."""

from __future__ import annotations

import functools
import logging
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import backbones, batch, images, model
from core import dataset as dataset_room
from core.backbones import Backbone, serving
from core.checks.labels import suspects
from core.classifier import Classifier, on_one_thread
from core.dataset import Dataset, Example, Split
from core.dense import DenseHead
from core.errors import BadDataset, Cancelled, TuskerError
from core.evaluation import evaluate
from core.model import ModelFile
from core.runs import Run
from core.settings import Settings
from core.training import features, head
from core.training.config import Augmentation, TrainingConfig
from core.training.events import Counter, Emit, Note
from core.training.head import Batch

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """What every step of a training needs to know."""

    config: TrainingConfig
    dataset: Dataset
    pictures: Path
    backbone: Backbone
    settings: Settings
    emit: Emit

    def of(self, split: Split) -> tuple[Example, ...]:
        """The examples of a split."""
        return self.dataset.of(split)


def train(run: Run, pictures: Path, settings: Settings, emit: Emit) -> None:
    """Split, look once, train, score, write the report; then doubt the labels and export.

    Args:
        run: holds the settings and the dataset; receives all that comes of them.
        pictures: folder that the dataset's paths are relative to.
        emit: is told each event; may raise `Cancelled`.

    Raises:
        BadDataset: too few pictures to learn from.
        WeightsUnavailable: the backbone's weights cannot be had.
        Cancelled: somebody asked to stop.
    """
    began = time.monotonic()
    config = run.config()
    dataset = dataset_room.split(
        run.dataset(), validation=config.validation, test=config.test, seed=config.seed
    )
    run.write_dataset(dataset)
    backbone = backbones.get(config.backbone)
    recipe = Recipe(config, dataset, pictures, backbone, settings, emit)
    _check(recipe)
    if serving.locate(backbone, settings) is None:
        emit(Note(sentence=f"{backbone.title} is prepared first. This happens once."))
        serving.prepare(backbone, settings, Counter(emit))

    with tempfile.TemporaryDirectory(prefix=".features-", dir=run.path) as workdir:
        teach = _fine_tuned if config.fine_tunes else _head_only
        seen = teach(recipe, run, Path(workdir))
    _report(recipe, run)
    seconds = time.monotonic() - began
    run.complete_with(dataset.name, time.time(), seconds)
    _afterwards(recipe, "Wrong labels could not be looked for", lambda: _doubt(recipe, run, seen))
    _afterwards(recipe, "The files to download could not be made", lambda: _export(recipe, run))
    manifest = run.manifest()
    run.complete_with(manifest.name, manifest.completed_at, seconds)


def _check(recipe: Recipe) -> None:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    for split in splits:
        if not recipe.of(split):
            raise BadDataset(
                f"No picture is left for {split}: found {len(recipe.dataset.examples)} in all. "
                "Add pictures, or lower the shares for validation and test."
            )
    taught = {example.label for example in recipe.of("train")}
    missing = [name for i, name in enumerate(recipe.dataset.classes) if i not in taught]
    if missing:
        raise BadDataset(
            f"No training picture is left of {', '.join(missing)}. Add pictures, or leave it out."
        )


def _head_only(recipe: Recipe, run: Run, workdir: Path) -> np.ndarray:
    """Phase 1 alone, without TensorFlow. Returns the embeddings of the training views."""
    located = serving.required(recipe.backbone, recipe.settings)
    train, validation = _looked_at(recipe, features.ServingEngine(located), workdir)
    fitted = _fit_head(recipe, train, validation)
    _save(recipe, run, fitted, {}, cut=None)
    return train.embeddings


def _fine_tuned(recipe: Recipe, run: Run, workdir: Path) -> np.ndarray:
    """Both phases. Returns the embeddings of the training views."""
    recipe.emit(Note(sentence="TensorFlow is starting."))
    from core.backbones import build
    from core.export import keras_model, litert_model
    from core.training import finetune
    from core.training.keras_engine import KerasEngine

    backbone = recipe.backbone
    whole = build.trunk(backbone, settings=recipe.settings)
    stage = finetune.cut_stage(backbone, whole, recipe.config.unfreeze)
    above = build.top_model(backbone, stage, whole)
    train, validation = _looked_at(recipe, KerasEngine(backbone, stage, whole), workdir)
    start = _fit_head(recipe, train, validation)
    fitted, kept = finetune.fit(
        above,
        start,
        _cuts(train, recipe.of("train")),
        _cuts(validation, recipe.of("validation")),
        recipe.config,
        recipe.emit,
    )
    if kept.epoch == 0:
        recipe.emit(
            Note(sentence="Fine-tuning was no better on validation, so the head alone was kept.")
        )
        _save(recipe, run, start, {}, cut=None)
        return train.embeddings
    arrays = keras_model.trained_arrays(whole, above)
    _save(recipe, run, fitted, arrays, cut=backbone.stages[stage].name)
    recipe.emit(Note(sentence="The trained network is put together."))
    litert_model.write(run.model_folder, recipe.settings)
    return train.embeddings


def _looked_at(
    recipe: Recipe, engine: features.Engine, workdir: Path
) -> tuple[features.Features, features.Features]:
    """Features of the training views and of the plain validation pictures."""
    count = Counter(recipe.emit)
    found = []
    asked: tuple[tuple[Split, str, Augmentation], ...] = (
        ("train", "Looking at training pictures", recipe.config.augmentation),
        ("validation", "Looking at validation pictures", Augmentation.none()),
    )
    for split, what, augmentation in asked:
        folder = workdir / split
        folder.mkdir(exist_ok=True)
        found.append(
            features.extract(
                recipe.of(split),
                recipe.pictures,
                recipe.backbone,
                augmentation,
                engine,
                folder,
                seed=recipe.config.seed,
                progress=functools.partial(count, what),
            )
        )
    return found[0], found[1]


def _fit_head(recipe: Recipe, train: features.Features, validation: features.Features) -> DenseHead:
    return head.fit(
        _batch(train, recipe.of("train")),
        _batch(validation, recipe.of("validation")),
        len(recipe.dataset.classes),
        recipe.config,
        recipe.emit,
    )


def _labels(found: features.Features, examples: Sequence[Example]) -> np.ndarray:
    return np.array([example.label for example in examples])[found.owners]


def _batch(found: features.Features, examples: Sequence[Example]) -> Batch:
    return Batch(found.embeddings, _labels(found, examples), found.owners)


def _cuts(found: features.Features, examples: Sequence[Example]):  # type: ignore[no-untyped-def]
    from core.training.finetune import Cuts

    assert found.cuts is not None
    return Cuts(found.cuts, _labels(found, examples))


def _save(
    recipe: Recipe, run: Run, fitted: DenseHead, arrays: dict[str, np.ndarray], cut: str | None
) -> None:
    model.save(
        run.model_folder,
        ModelFile(
            backbone=recipe.backbone.name,
            classes=recipe.dataset.classes,
            size=recipe.backbone.size,
            crop=recipe.backbone.crop,
            hidden=tuple(len(bias) for _, bias in fitted.layers[:-1]),
            dropout=recipe.config.head.dropout,
            cut=cut,
        ),
        fitted.arrays() | arrays,
    )


def _report(recipe: Recipe, run: Run) -> None:
    """Score the test pictures from their files, through the code that serves predictions."""
    count = Counter(recipe.emit)
    scored: dict[str, np.ndarray] = {}
    thumbnails: list[bytes] = []

    def build() -> Classifier:
        return model.classifier(
            run.model_folder, recipe.dataset.name, recipe.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> tuple[np.ndarray, bytes]:
        edge = math.ceil(classifier.size / classifier.crop)  # as `images.load` has it
        picture = images.decode(recipe.pictures / example.path, shorter_edge=edge)
        view = images.fit(picture, classifier.size, classifier.crop)
        small = images.thumbnail(picture) if example.split == "test" else b""
        return classifier.answer(view).probabilities, small

    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        examples = recipe.of(split)
        rows = []
        for probabilities, small in batch.each(build, examples, ask):
            rows.append(probabilities)
            count(f"Scoring {split} pictures", len(rows), len(examples))
            if split == "test":
                thumbnails.append(small)
        scored[split] = np.stack(rows)
    run.write_thumbnails(thumbnails)
    run.write_report(_evaluated(recipe, scored), scored["test"])


def _evaluated(recipe: Recipe, scored: dict[str, np.ndarray]):  # type: ignore[no-untyped-def]
    test, validation = recipe.of("test"), recipe.of("validation")
    return evaluate(
        np.array([example.label for example in test]),
        scored["test"],
        recipe.dataset.classes,
        names=[example.name for example in test],
        validation_labels=np.array([example.label for example in validation]),
        validation_probabilities=scored["validation"],
        training_counts=[
            recipe.dataset.count(label, "train") for label in range(len(recipe.dataset.classes))
        ],
    )


def _doubt(recipe: Recipe, run: Run, seen: np.ndarray) -> None:
    """List training pictures whose label is likely wrong, with a small picture of each."""
    recipe.emit(Note(sentence="Labels that may be wrong are looked for."))
    examples = recipe.of("train")
    plain = seen[:: recipe.config.augmentation.views]
    labels = np.array([example.label for example in examples])
    names = [example.name for example in examples]
    found = suspects(plain, labels, names, seed=recipe.config.seed)
    paths = {example.name: recipe.pictures / example.path for example in examples}
    small = (images.thumbnail(images.decode(paths[one.name], shorter_edge=160)) for one in found)
    run.write_suspects(found, small)


def _export(recipe: Recipe, run: Run) -> None:
    """Make the files to take away."""
    recipe.emit(Note(sentence="The files to download are made."))
    from core.export import bundle

    bundle.make(run, recipe.pictures, recipe.settings, recipe.emit)


def _afterwards(recipe: Recipe, failure: str, work: Callable[[], None]) -> None:
    """Do what the report does not need: it stands whether or not this succeeds."""
    try:
        work()
    except Cancelled:
        raise
    except TuskerError as refusal:
        recipe.emit(Note(sentence=f"{failure}: {refusal}"))
    except Exception:
        log.exception(failure)
        recipe.emit(Note(sentence=f"{failure}; the log says why."))
