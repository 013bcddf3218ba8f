"""Phase 1 of a training: choose the features, train the head on them, and calibrate it."""

from dataclasses import dataclass, replace

import numpy as np

from core.dataset import Split, splitting
from core.jobs.events import Event
from core.model.dense import DenseHead
from core.runs import Run
from core.training import feature_choice, head
from core.training.calibrated_head import CalibratedHead, calibrate
from core.training.context import LEARNED, TrainingContext
from core.training.feature_choice import Selection
from core.training.features import Features
from core.training.head import Batch

Extracted = dict[Split, Features]


@dataclass(frozen=True)
class TrainedHead:
    """A head on a frozen backbone.

    Attributes:
        head: the final head, calibrated.
        fitted: a head that is not calibrated, fitted to the training pictures alone.
        features: features that both heads take.
        strength: inverse regularisation strength of both heads.
        depths: layers whose pooled activations follow the last embedding in the features.
        error: share of pictures that it predicts wrongly out of fold; None if not cross-validated.
    """

    head: CalibratedHead
    fitted: DenseHead
    features: Extracted
    depths: tuple[str, ...]
    strength: float
    error: float | None


def depths(context: TrainingContext) -> tuple[str, ...]:
    """Layers whose pooled activations a training extracts."""
    if context.network.model is not None:
        return context.network.model.depths
    return () if context.config.features == "last" else context.backbone.depths


def train(
    context: TrainingContext, run: Run, features: Extracted, depths: tuple[str, ...]
) -> TrainedHead:
    """Train a head on a frozen backbone.

    The features, extracted with `depths`, and the strength of the regularisation are chosen by
    cross-validation on training and validation pictures. The events of the phase, and the
    predictions for validation pictures, are those of a head that was fitted to the training
    pictures alone. The final head is fitted to both; its temperature comes from the out-of-fold
    predictions.
    """
    config = context.config
    selection = Selection(bool(depths))
    if config.solves_head or _compares(context, depths):
        selection = select(context, features, depths)
    if selection.choice is not None:
        run.feature_choice.write(selection.choice)
        context.say(selection.choice.sentence)
    if depths and not selection.depths:
        depths, width = (), context.backbone.embedding
        features = {split: part.narrowed(width) for split, part in features.items()}
    strength = selection.strength
    fitted = _fit(context, features, strength)
    validation = fitted.probabilities(features["validation"].embeddings[:, 0])
    final, error = fitted, None
    out_of_fold = selection.out_of_fold if config.solves_head else None
    if out_of_fold is not None:
        parts = _, held_out = [_batch(context, features, split) for split in LEARNED]
        rows = np.concatenate([part.features for part in parts])
        both = Batch(rows, np.concatenate([part.labels for part in parts]))
        final = head.fit(both, held_out, fitted.classes, config, _ignore, strength, fitted)
        error = 1 - out_of_fold.accuracy
    calibrated = calibrate(final, validation, context.labels("validation"), out_of_fold)
    return TrainedHead(calibrated, fitted, features, depths, strength, error)


def on_last_embedding(context: TrainingContext, trained: TrainedHead) -> DenseHead:
    """The head that fine-tuning starts from: it takes the last embedding alone."""
    if not trained.depths:
        return trained.fitted
    width = context.backbone.embedding
    features = {split: part.narrowed(width) for split, part in trained.features.items()}
    return _fit(replace(context, emit=_ignore), features, trained.strength)


def select(context: TrainingContext, features: Extracted, depths: tuple[str, ...]) -> Selection:
    """Cross-validate a linear head on plain views, and choose its features if there is a choice."""
    return feature_choice.select(
        np.concatenate([features[split].embeddings[:, 0] for split in LEARNED]),
        context.backbone.embedding,
        context.labels(*LEARNED),
        splitting.groups(context.of(*LEARNED)),
        context.config,
        compare=_compares(context, depths),
    )


def _fit(context: TrainingContext, features: Extracted, strength: float) -> DenseHead:
    """Train a head on the training pictures."""
    train, held_out = (_batch(context, features, split) for split in LEARNED)
    classes = context.dataset.classes
    return head.fit(
        train,
        held_out,
        len(classes),
        context.config,
        context.emit,
        strength,
        context.network.head(classes, context.config.head.hidden, train.features.shape[1]),
    )


def _ignore(_event: Event) -> None:
    """Leave out an event: those of a phase are the ones of its first fit."""


def _compares(context: TrainingContext, depths: tuple[str, ...]) -> bool:
    """Whether the features are chosen by comparison."""
    return bool(depths) and context.config.features == "best" and context.network.model is None


def _batch(context: TrainingContext, features: Extracted, split: Split) -> Batch:
    """The views that the head is trained on as rows; rows of one picture are adjacent."""
    embeddings = features[split].embeddings[:, : context.config.head_views]
    rows = embeddings.reshape(-1, embeddings.shape[2])
    return Batch(rows, np.repeat(context.labels(split), embeddings.shape[1]))
