"""A training from pictures to a finished run, top to bottom."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from core import backbones
from core import dataset as dataset_room
from core.dataset import Split
from core.distributed import fine_tuning
from core.estimating import cost_model, estimate, measurements
from core.jobs.events import Counter, Emit, Note
from core.model import storage
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.pipeline import post_report, scoring
from core.pipeline.extraction import extract
from core.pipeline.post_report import TrainingOutputs
from core.runs import Run
from core.settings import Settings
from core.system import files
from core.training import cache, checkpoint, depth, head, warm_start
from core.training.calibrated_head import CalibratedHead, calibrate
from core.training.context import TrainingContext
from core.training.features import Features
from core.training.head import Batch
from core.training.network import Network

if TYPE_CHECKING:
    from core.training.finetune import Tuner

Result = TypeVar("Result")
NOT_TESTED: tuple[Split, ...] = ("train", "validation")


def train(
    run: Run,
    pictures: Path,
    settings: Settings,
    emit: Emit,
    features: Path | None = None,
    start: Path | None = None,
) -> None:
    """Split, look once, train, score, write the report; then what follows a finished report.

    Args:
        run: holds the settings and the dataset; receives all that comes of them.
        pictures: folder that the dataset's paths are relative to.
        emit: is told each event; may raise `Cancelled`.
        features: where features are kept; as the mode has it if None.
        start: folder of the model that it goes on from, if the settings name one.

    Raises:
        BadDataset: too few pictures to learn from.
        BadConfig: it is to go on from a model that is not there.
        WeightsUnavailable: the backbone's weights cannot be had.
        Cancelled: somebody asked to stop.
    """
    began = time.monotonic() - run.job.spent
    config = run.config()
    warm_start.check(config, start)
    dataset = dataset_room.split(
        run.dataset(), validation=config.validation, test=config.test, seed=config.seed
    )
    backbone = backbones.get(config.backbone)
    if (before := Network(backbone, settings, start).model) is not None:
        emit(Note(sentence=warm_start.describe(dataset, before)))
        dataset = warm_start.arrange_classes(dataset, before.classes)
    run.write_dataset(dataset)
    with cache.opened(features or cache.cache_folder(pictures, settings), settings) as kept:
        context = TrainingContext(config, dataset, pictures, backbone, settings, kept, emit, start)
        context.check()
        context.network.prepare(lambda sentence: emit(Note(sentence=sentence)), Counter(emit))
        context = _fitted(context)
        teach = _fine_tuned if config.fine_tunes else _head_only
        seen = teach(context, run)
    seconds = time.monotonic() - began
    run.complete_with(dataset.name, time.time(), seconds)
    files.remove(run.job.checkpoint)
    post_report.finish(context, run, seen)
    manifest = run.manifest()
    run.complete_with(manifest.name, manifest.completed_at, seconds)


def _fitted(context: TrainingContext) -> TrainingContext:
    """The context with a batch that fits into memory; refused if not even one picture does."""
    config = estimate.check(context.dataset, context.config, context.settings)
    if config.batch_size < context.config.batch_size:
        context.emit(
            Note(
                sentence=f"The batch is {config.batch_size} instead of "
                f"{context.config.batch_size}, so that it fits into memory."
            )
        )
    return replace(context, config=config)


def _head_only(context: TrainingContext, run: Run) -> TrainingOutputs:
    """Phase 1 alone, without TensorFlow."""
    found = extract(context, ("train", "validation", "test"), None)
    fitted = _fit_head(context, found["train"], found["validation"])
    # Copies, so that nothing else of the features is kept in memory.
    plain = {split: features.embeddings[:, 0].copy() for split, features in found.items()}
    del found
    answering = _calibrated(context, fitted, fitted.probabilities(plain["validation"]))
    _save(context, run, answering)
    tested = scoring.from_embeddings(context, run, answering, plain["test"])
    return TrainingOutputs(plain["train"], plain["validation"], tested)


def _fine_tuned(context: TrainingContext, run: Run) -> TrainingOutputs:
    """Both phases."""
    making = _beside(lambda: _tuner(context))
    stage = depth.cut_stage(context.config)
    found = extract(context, ("train", "validation"), stage)
    start = _fit_head(context, found["train"], found["validation"])
    if not making.done():
        context.emit(Note(sentence="TensorFlow is starting."))
    tuner = making.result()
    emit = fine_tuning.DeduplicatedEpochs(context.emit)
    shared = fine_tuning.fit(context, tuner, start, found, emit, run.job.checkpoint)
    began = time.process_time()
    fitted, kept = shared or tuner.fit(
        start,
        found["train"],
        context.labels("train"),
        found["validation"],
        context.labels("validation"),
        emit,
        checkpoint.Checkpoint(run.job.checkpoint, checkpoint.key_of(context)),
    )
    seconds = time.process_time() - began
    cost_model.remember_steps(
        context.config, context.dataset, tuner.epochs, seconds, context.settings
    )
    if kept.epoch == 0:
        context.emit(
            Note(sentence="Fine-tuning was no better on validation, so the head alone was kept.")
        )
        answering = _calibrated(
            context, start, start.probabilities(found["validation"].embeddings[:, 0])
        )
        _save(context, run, answering)
    else:
        from core.model import keras_model
        from core.training import serving_model

        arrays = keras_model.trained_arrays(tuner.trunk, tuner.above)
        answering = _calibrated(context, fitted, tuner.probabilities(found["validation"]))
        _save(context, run, answering, arrays, stage)
        serving_model.write(context, tuner, run.model_folder / storage.SERVING)
    # A copy, so that nothing else of the features is kept in memory.
    train, validation = (found[split].embeddings[:, 0].copy() for split in NOT_TESTED)
    del found, tuner, making  # activations and TensorFlow's buffers are not needed any more
    return TrainingOutputs(train, validation, scoring.from_pictures(context, run, answering))


def _calibrated(
    context: TrainingContext, head: DenseHead, validation: np.ndarray
) -> CalibratedHead:
    return calibrate(head, validation, context.labels("validation"))


def _tuner(context: TrainingContext) -> Tuner:
    began = time.thread_time()
    from core.training.finetune import Tuner

    tuner = Tuner(
        context.network,
        context.config,
        classes=len(context.dataset.classes),
        pictures=len(context.of("train")),
    )
    key = cost_model.start_key(context.config, context.settings)
    measurements.remember(context.settings, key, time.thread_time() - began)
    return tuner


def _beside(work: Callable[[], Result]) -> Future[Result]:
    """Do something while this thread goes on; nobody waits for it if the training is cancelled."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="beside", daemon=True).start()
    return future


def _fit_head(context: TrainingContext, train: Features, validation: Features) -> DenseHead:
    return head.fit(
        _batch(train, context.labels("train"), context.config.head_views),
        _batch(validation, context.labels("validation"), 1),
        len(context.dataset.classes),
        context.config,
        context.emit,
        context.network.head(context.dataset.classes, context.config.head.hidden),
    )


def _batch(found: Features, labels: np.ndarray, views: int) -> Batch:
    """The first views of each picture as rows, those of one picture beside each other."""
    chosen = found.embeddings[:, :views]
    owners = np.repeat(np.arange(len(chosen)), chosen.shape[1])
    return Batch(chosen.reshape(-1, chosen.shape[2]), labels[owners], owners)


def _save(
    context: TrainingContext,
    run: Run,
    answering: CalibratedHead,
    trained: dict[str, np.ndarray] | None = None,
    stage: int | None = None,
) -> None:
    """Write the model: all that differs from the published backbone, whoever trained it.

    Args:
        trained: weights that this training changed in the backbone.
        stage: index of the stage below them.
    """
    network = context.network
    storage.save(
        run.model_folder,
        ModelFile(
            backbone=context.backbone.name,
            classes=context.dataset.classes,
            size=context.backbone.size,
            crop=context.config.crop,
            hidden=tuple(len(bias) for _, bias in answering.head.layers[:-1]),
            dropout=context.config.head.dropout,
            temperature=answering.temperature,
            cut=network.cut(stage),
        ),
        answering.head.arrays() | network.arrays | (trained or {}),
    )
    if not trained and network.retrained is not None:
        with files.replacing(run.model_folder / storage.SERVING) as temporary:
            shutil.copyfile(network.serving_model(), temporary)
