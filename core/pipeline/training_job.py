"""A training job, top to bottom: from pictures to a finished run."""

from __future__ import annotations

import contextlib
import functools
import shutil
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core import __version__, backbones
from core.dataset import Split, split
from core.distributed import fine_tuning
from core.estimating import resources, unit_costs
from core.evaluation import prediction_sets
from core.jobs.events import Emit, Kept, Note
from core.model import ood, storage
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.pipeline import backbone_selection, head_training, post_report, scoring
from core.pipeline.extraction import extract
from core.pipeline.head_training import TrainedHead
from core.pipeline.post_report import TrainingOutputs
from core.runs import Run
from core.settings import Settings
from core.system import files
from core.training import backbone_cut, cache, checkpoint, outcome, serving_model, warm_start
from core.training.calibrated_head import CalibratedHead, calibrate
from core.training.context import LEARNED, TrainingContext
from core.training.features import Features
from core.training.network import Network

if TYPE_CHECKING:
    from core.training.finetune import Tuner


def train(
    run: Run,
    pictures: Path,
    settings: Settings,
    emit: Emit,
    features: Path | None = None,
    start: Path | None = None,
) -> None:
    """Split, extract features, train, evaluate, write the report, and run the steps after it.

    The same pictures, settings, seed and machine give the same report, figure by figure, whatever
    the names and the order of the files and the cache are: the engines depend on the machine alone.

    Args:
        run: holds the configuration and the dataset; all results are written to it.
        pictures: folder that the dataset's paths are relative to.
        features: folder of the feature cache; the default depends on the mode.
        start: folder of the model to start from, if the configuration names one.

    Raises:
        BadDataset: too few pictures to learn from.
        BadConfig: the model to start from is missing.
        WeightsUnavailable: the backbone's weights cannot be had.
        NotEnoughResources: too little memory or disk.
        Cancelled: by `emit`.
    """
    began = time.monotonic() - run.job.earlier_seconds
    config = run.config()
    warm_start.check(config, start)
    dataset = split(
        run.dataset(),
        validation=config.validation,
        test=config.test,
        seed=config.seed,
        learned=() if start is None else storage.load_learned(start),
    )
    # Sorted by content, since sums of floats depend on the order: file names must have no effect.
    ordered = sorted(dataset.examples, key=lambda example: (example.sha256, example.name))
    dataset = dataset.model_copy(update={"examples": tuple(ordered)})
    backbone = backbones.get(config.backbone)
    if (model := Network(backbone, settings, start).model) is not None:
        emit(Note(sentence=warm_start.describe(dataset, model)))
        dataset = warm_start.arrange_classes(dataset, model.classes)
    run.dataset.write(dataset)
    folder = features or cache.cache_folder(pictures, settings)
    with cache.open_cache(folder, settings) as feature_cache:
        context = TrainingContext(
            config, dataset, pictures, backbone, settings, feature_cache, emit, start
        )
        context.check()
        context = backbone_selection.select(_with_fitting_batch(context, run), run)
        outputs = _train(context, run)
    seconds = time.monotonic() - began
    complete = functools.partial(run.complete_with, dataset.name, time.time(), seconds)
    complete()
    files.remove(run.job.checkpoint)
    try:
        post_report.finish(context, run, outputs)
    except BaseException:  # steps before the one that was cancelled have written their files
        with contextlib.suppress(OSError):
            complete()
        raise
    complete()


def _with_fitting_batch(context: TrainingContext, run: Run) -> TrainingContext:
    """The context with a batch that fits into memory, which the run's settings then have."""
    config = resources.check(
        context.dataset, context.config, context.settings, context.cached_views
    )
    if config.batch_size < context.config.batch_size:
        context.say(
            f"The batch is {config.batch_size} instead of "
            f"{context.config.batch_size}, so that it fits into memory."
        )
        run.config.write(run.config().model_copy(update={"batch_size": config.batch_size}))
    return replace(context, config=config)


def _train(context: TrainingContext, run: Run) -> TrainingOutputs:
    """Train a head, then the top of the backbone if that may help, and write the report."""
    config, depths = context.config, head_training.depths(context)
    splits: tuple[Split, ...] = (*LEARNED, "test")  # of the serving model, in one pass
    stage = None
    if config.fine_tunes:
        splits, stage = LEARNED, backbone_cut.cut_stage(config)
    features = extract(context, splits, stage, depths, views=config.head_views)
    trained = head_training.train(context, run, features, depths)
    tuned = _fine_tune(context, run, trained, features) if config.fine_tunes else None
    # Copies of the plain views, so that activations and TensorFlow's buffers can be freed.
    plain = {split: part.embeddings[:, 0].copy() for split, part in trained.features.items()}
    head, depths = trained.head, trained.depths
    del features, trained
    embeddings = heatmaps = None
    if tuned is not None:
        head, embeddings = tuned
        probabilities, test, heatmaps = scoring.predict_test(context, run, "Scoring test pictures")
    else:
        _save(context, run, head, depths)
        if "test" not in plain:
            plain |= {"test": extract(context, ("test",), None, depths)["test"].embeddings[:, 0]}
        test = plain["test"]
        probabilities = head.head.probabilities(test)
    scoring.write_report(context, run, head, probabilities)
    learned = np.concatenate([plain[split] for split in LEARNED])
    return TrainingOutputs(learned, test, heatmaps, embeddings)


def _fine_tune(
    context: TrainingContext, run: Run, trained: TrainedHead, features: dict[Split, Features]
) -> tuple[CalibratedHead, np.ndarray] | None:
    """Train the top of the backbone, and save the model if it is better than the head alone.

    Args:
        features: with activations at the cut.

    Returns:
        The head and `TrainingOutputs.tuned`; None if the head alone is to be used.
    """
    config, labels, tuned = context.config, context.labels("validation"), None
    head_alone, least_errors = trained.head.validation, config.unfreeze.least_errors
    kept = outcome.left_out(trained.error, head_alone, labels, least_errors)
    if kept is None:
        building = _start_tuner(context)
        if config.head_views < config.augmentation.views:
            stage, depths = backbone_cut.cut_stage(config), head_training.depths(context)
            features = features | extract(context, ("train",), stage, depths, report=False)
        if not building.done():
            context.say("TensorFlow is starting.")
        tuner = building.result()
        first = head_training.on_last_embedding(context, trained)
        head, kept = _fit_top(context, run, tuner, first, features)
        probabilities = tuner.probabilities(features["validation"])
        kept = outcome.compare(kept, probabilities, head_alone, labels, least_errors)
        if kept.epoch:
            calibrated = calibrate(head, probabilities, labels)
            _save(context, run, calibrated, tuner=tuner)
            tuned = calibrated, _embeddings_for_ood(context, tuner, features)
    context.emit(kept)
    context.say(outcome.describe(kept))
    return tuned


def _embeddings_for_ood(
    context: TrainingContext, tuner: Tuner, features: dict[Split, Features]
) -> np.ndarray:
    """`TrainingOutputs.tuned`, from the stored activations: the stages below the cut do not run."""
    indices = ood.balanced_sample(context.labels(*LEARNED), post_report.OOD_PICTURES)
    first = len(context.of("train"))
    train = tuner.embeddings(features["train"], indices[indices < first])
    validation = tuner.embeddings(features["validation"], indices[indices >= first] - first)
    return np.concatenate([train, validation])


def _fit_top(
    context: TrainingContext,
    run: Run,
    tuner: Tuner,
    head: DenseHead,
    features: dict[Split, Features],
) -> tuple[DenseHead, Kept]:
    """Phase 2: the stages above the cut and the head, on several machines or on this one."""
    began, labels = time.monotonic(), context.labels("train")
    with fine_tuning.team(context, tuner) as team:
        tuned = tuner.fit(
            head,
            features["train"],
            labels,
            features["validation"],
            context.labels("validation"),
            context.emit,
            checkpoint.Checkpoint(run.job.checkpoint, checkpoint.key_of(context)),
            team,
        )
    steps = tuner.epochs * len(labels) * backbone_cut.trained_share(context.config)
    if steps and team is None:
        seconds = time.monotonic() - began
        unit_costs.record(context.backbone, context.settings, "step", seconds / steps)
    return tuned


def _start_tuner(context: TrainingContext) -> Future[Tuner]:
    """Import TensorFlow and build the network of phase 2, while further views are extracted.

    The thread is a daemon, so that a cancelled training need not wait for it.
    """
    future: Future[Tuner] = Future()

    def build() -> None:
        try:
            from core.training.finetune import Tuner

            classes, pictures = len(context.dataset.classes), len(context.of("train"))
            future.set_result(Tuner(context.network.trunk(), context.config, classes, pictures))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=build, name="tuner", daemon=True).start()
    return future


def _save(
    context: TrainingContext,
    run: Run,
    head: CalibratedHead,
    depths: tuple[str, ...] = (),
    tuner: Tuner | None = None,
) -> None:
    """Write the model: its description, its head, and weights that differ from the published ones.

    Args:
        depths: layers whose pooled activations the head takes beside the embedding.
        tuner: has changed weights of the backbone.
    """
    network, arrays, stage = context.network, context.network.arrays, None
    if tuner is not None:
        from core.model import keras_model

        arrays = arrays | keras_model.trained_arrays(tuner.trunk, tuner.above)
        stage = backbone_cut.cut_stage(context.config)
    storage.save(
        run.model_folder,
        ModelFile(
            tusker=__version__,
            backbone=context.backbone.name,
            classes=context.dataset.classes,
            size=context.backbone.size,
            crop=context.config.crop,
            scale=context.dataset.scale,
            hidden=tuple(len(bias) for _, bias in head.head.layers[:-1]),
            dropout=context.config.head.dropout,
            temperature=head.temperature,
            cut=network.cut(stage),
            depths=depths,
            set_levels=prediction_sets.calibrate(scoring.calibration_predictions(context, head)),
        ),
        head.head.arrays() | arrays,
    )
    learned = {example.sha256 for example in context.of(*LEARNED)}
    storage.save_learned(run.model_folder, learned | context.learned)
    if tuner is not None:
        serving_model.write(context, tuner, run.model_folder / storage.SERVING)
    elif network.retrained is not None:
        with files.replacing(run.model_folder / storage.SERVING) as temporary:
            shutil.copyfile(network.serving_model(), temporary)
