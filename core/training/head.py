"""Phase 1: the new head, trained on pooled features without a pass through the backbone."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from core.jobs.events import Emit, Epoch, Kept
from core.model.dense import DenseHead, softmax
from core.training import convex
from core.training.config import TrainingConfig
from core.training.optimizers import optimizer
from core.training.standardization import apply_scale, fit_scale

PHASE = "head"


@dataclass(frozen=True)
class Batch:
    """Features with what they should be called.

    Attributes:
        features: (n, d) float32.
        labels: (n,) int64.
        owners: (n,) int64, the picture each row was rendered from.
    """

    features: np.ndarray
    labels: np.ndarray
    owners: np.ndarray


def fit(
    train: Batch,
    validation: Batch,
    classes: int,
    config: TrainingConfig,
    emit: Emit,
    start: DenseHead | None = None,
) -> DenseHead:
    """Train the head and keep its best epoch by validation loss.

    A linear head starts from multinomial logistic regression (a convex problem, solved to its
    optimum), so that its epochs refine a good answer instead of searching for one.

    Args:
        train: all views of the training pictures.
        validation: plain views of the validation pictures.
        start: a head to go on from, in place of random weights. Where the problem is convex it
            only gets to the same optimum sooner.
    """
    mean, scale = fit_scale(train.features)
    inside = Batch(apply_scale(train.features, mean, scale), train.labels, train.owners)
    outside = Batch(
        apply_scale(validation.features, mean, scale), validation.labels, validation.owners
    )
    weights = class_weights(train.labels, classes) if config.class_weights else np.ones(classes)

    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        begun = None if start is None else start.after(scale, mean)
        first = _initial(inside, classes, weights, config, begun)
        answers = begun is not None or _is_convex(config)
        best = _epochs(
            first, inside, outside, weights.astype(np.float32), config, emit, answers=answers
        )
    return best.after(1 / scale, -mean / scale)


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights inverse to the counts, 1 on average over the pictures: (classes,) float64.

    Source: King and Zeng (2001), as scikit-learn's `balanced`.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return len(labels) / (classes * counts)


def targets(labels: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """One-hot rows (n, classes) float32, smoothed as Szegedy et al. (2016) do."""
    rows = np.full((len(labels), classes), smoothing / classes, np.float32)
    rows[np.arange(len(labels)), labels] += 1 - smoothing
    return rows


def _initial(
    train: Batch,
    classes: int,
    weights: np.ndarray,
    config: TrainingConfig,
    start: DenseHead | None,
) -> DenseHead:
    if _is_convex(config):
        return convex.logistic_regression(
            train.features, train.labels, train.owners, weights, config.seed, start
        )
    if start is not None:
        return start
    generator = np.random.default_rng(config.seed)
    widths = [train.features.shape[1], *config.head.hidden, classes]
    layers = []
    for inputs, units in itertools.pairwise(widths):
        limit = np.sqrt(6 / (inputs + units))  # Glorot and Bengio (2010)
        kernel = generator.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        layers.append((kernel, np.zeros(units, np.float32)))
    return DenseHead(tuple(layers))


def _is_convex(config: TrainingConfig) -> bool:
    """Whether the start is the optimum of a convex problem."""
    return config.head.convex_start and not config.head.hidden


def _epochs(
    head: DenseHead,
    train: Batch,
    validation: Batch,
    weights: np.ndarray,
    config: TrainingConfig,
    emit: Emit,
    *,
    answers: bool,
) -> DenseHead:
    """Train on; `answers` says whether `head` is worth keeping as it is."""
    phase = config.head_phase
    wanted = targets(train.labels, head.classes, config.label_smoothing)
    generator = np.random.default_rng(config.seed)
    parameters = [np.array(array) for layer in head.layers for array in layer]
    update = optimizer(phase)
    best, best_loss, best_accuracy, best_epoch = head, *_score(head, validation), 0
    searching = not answers  # random weights are none: any epoch is better

    for epoch in range(1, phase.epochs + 1):
        start = time.monotonic()
        loss = hits = 0.0
        order = generator.permutation(len(train.labels))
        for at in range(0, len(order), config.batch_size):
            rows = order[at : at + config.batch_size]
            batch_loss, batch_hits, gradients = _gradients(
                parameters,
                train.features[rows],
                wanted[rows],
                weights[train.labels[rows]],
                config.head.dropout,
                generator,
            )
            update(parameters, gradients)
            loss += batch_loss * len(rows)
            hits += batch_hits
        current = _head(parameters)
        validation_loss, validation_accuracy = _score(current, validation)
        seconds = time.monotonic() - start
        emit(
            Epoch(
                phase=PHASE,
                epoch=epoch,
                epochs=phase.epochs,
                loss=loss / len(order),
                accuracy=hits / len(order),
                validation_loss=validation_loss,
                validation_accuracy=validation_accuracy,
                seconds=seconds,
                pictures_per_second=len(order) / max(seconds, 1e-6),
                seconds_left=seconds * (phase.epochs - epoch),
            )
        )
        if validation_loss < best_loss or (searching and np.isfinite(validation_loss)):
            searching = False
            best, best_loss, best_accuracy, best_epoch = (
                current,
                validation_loss,
                validation_accuracy,
                epoch,
            )
        elif epoch - best_epoch >= phase.patience:
            break
    emit(
        Kept(
            phase=PHASE,
            epoch=best_epoch,
            validation_loss=best_loss,
            validation_accuracy=best_accuracy,
        )
    )
    return best


def _head(parameters: list[np.ndarray]) -> DenseHead:
    """A copy of the parameters, as a head."""
    copies = [array.copy() for array in parameters]
    return DenseHead(tuple(zip(copies[::2], copies[1::2], strict=True)))


def _gradients(
    parameters: list[np.ndarray],
    features: np.ndarray,
    wanted: np.ndarray,
    weights: np.ndarray,
    dropout: float,
    generator: np.random.Generator,
) -> tuple[float, float, list[np.ndarray]]:
    """Mean weighted cross-entropy, number of hits, and the gradient of each parameter."""
    inputs: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    flow = features
    for at in range(0, len(parameters), 2):
        if at:
            flow = np.maximum(flow, 0)
        mask = (generator.random(flow.shape, np.float32) >= dropout) / np.float32(1 - dropout)
        masks.append(mask.astype(np.float32))
        flow = flow * masks[-1]
        inputs.append(flow)
        flow = flow @ parameters[at] + parameters[at + 1]
    found = softmax(flow)
    hits = float((found.argmax(axis=1) == wanted.argmax(axis=1)).sum())
    losses = -(wanted * np.log(np.maximum(found, 1e-12))).sum(axis=1)
    loss = float((losses * weights).mean())

    error = (found - wanted) * (weights / len(weights))[:, None]
    gradients: list[np.ndarray] = []
    for at in range(len(parameters) - 2, -1, -2):
        layer = at // 2
        gradients[:0] = [inputs[layer].T @ error, error.sum(axis=0)]
        if at:
            error = (error @ parameters[at].T) * masks[layer] * (inputs[layer] > 0)
    return loss, hits, gradients


def _score(head: DenseHead, batch: Batch) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    found = head.probabilities(batch.features)
    right = found[np.arange(len(batch.labels)), batch.labels]
    return (
        float(-np.log(np.maximum(right, 1e-12)).mean()),
        float((found.argmax(axis=1) == batch.labels).mean()),
    )
