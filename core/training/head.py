"""Phase 1: train a new head on pooled features, without a pass through the backbone."""

import itertools
import time
from dataclasses import dataclass

import numpy as np

from core.evaluation.calibration import softmax
from core.evaluation.metrics import cross_entropy
from core.jobs.events import Emit, Epoch, Kept
from core.model.dense import DenseHead
from core.system import threads
from core.training import convex
from core.training.config import TrainingConfig
from core.training.optimizers import optimizer

PHASE = "head"
RECORD_ALL, RECORD_EVERY = 20, 10
"""The first iterations of the solver are all recorded, later ones at this interval."""


@dataclass(frozen=True)
class Batch:
    """Features with their labels.

    Attributes:
        features: (n, d) float32.
        labels: (n,) int64.
    """

    features: np.ndarray
    labels: np.ndarray


def fit(
    train: Batch,
    validation: Batch,
    classes: int,
    config: TrainingConfig,
    emit: Emit,
    strength: float,
    start: DenseHead | None = None,
) -> DenseHead:
    """Train the head.

    A linear head is a multinomial logistic regression: a convex problem, which is solved to its
    optimum. A head with hidden layers, or a linear one with `convex_start` off, is trained by
    gradient steps; the epoch with the least validation loss is kept.

    Args:
        train: all views of the training pictures.
        validation: plain views of the validation pictures.
        strength: inverse regularisation strength of a head that is solved.
        start: a head to start from, in place of zeros or random weights.
    """
    mean, scale = convex.fit_scale(train.features)
    train, validation = (
        Batch(convex.apply_scale(batch.features, mean, scale), batch.labels)
        for batch in (train, validation)
    )
    weights = class_weights(train.labels, classes) if config.class_weights else np.ones(classes)
    scaled_start = None if start is None else start.with_scaling(scale, mean)
    with threads.ONE_BLAS_THREAD:
        if config.solves_head:
            head = _solve(train, validation, weights, emit, strength, scaled_start)
        else:
            head = _descend(train, validation, weights, config, emit, scaled_start)
    return head.with_scaling(1 / scale, -mean / scale)


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights inverse to the counts, 1 on average over the pictures: (classes,) float64.

    Source: King and Zeng (2001), as scikit-learn's `balanced`.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return len(labels) / (classes * counts)


def targets(labels: np.ndarray, classes: int, smoothing: float) -> np.ndarray:
    """One-hot rows (n, classes) float32, smoothed as in Szegedy et al. (2016)."""
    rows = np.full((len(labels), classes), smoothing / classes, np.float32)
    rows[np.arange(len(labels)), labels] += 1 - smoothing
    return rows


def _solve(
    train: Batch,
    validation: Batch,
    weights: np.ndarray,
    emit: Emit,
    strength: float,
    start: DenseHead | None,
) -> DenseHead:
    """Solve the convex problem; the curve is that of the solver's iterations."""
    began, iteration = time.monotonic(), -1
    event: Epoch | None = None

    def measure(head: DenseHead) -> Epoch:
        nonlocal began
        loss, accuracy = _score(head, train)
        validation_loss, validation_accuracy = _score(head, validation)
        now = time.monotonic()
        event = Epoch(
            phase=PHASE,
            unit="iteration",
            epoch=iteration,
            epochs=convex.ITERATIONS,
            loss=loss,
            accuracy=accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            seconds=now - began,
        )
        began = now
        emit(event)
        return event

    def record(head: DenseHead) -> None:
        nonlocal iteration, event
        iteration += 1
        recorded = iteration <= RECORD_ALL or iteration % RECORD_EVERY == 0
        event = measure(head) if recorded else None

    head = convex.logistic_regression(
        train.features, train.labels, weights, strength, start, record
    )
    emit(_kept(event or measure(head)))
    return head


def _descend(
    train: Batch,
    validation: Batch,
    weights: np.ndarray,
    config: TrainingConfig,
    emit: Emit,
    start: DenseHead | None,
) -> DenseHead:
    """Train by gradient steps until the validation loss no longer falls."""
    phase = config.head_phase
    classes = len(weights)
    head = start or _random_head([train.features.shape[1], *config.head.hidden, classes], config)
    smoothed = targets(train.labels, classes, config.label_smoothing)
    row_weights = weights.astype(np.float32)[train.labels]
    generator = np.random.default_rng(config.seed)
    parameters = [np.array(array) for layer in head.layers for array in layer]
    update = optimizer(phase)
    best_loss, best_accuracy = _score(head, validation)
    kept = Kept(phase=PHASE, epoch=0, validation_loss=best_loss, validation_accuracy=best_accuracy)
    best = head
    started_random = start is None  # any epoch is better than random weights

    for epoch in range(1, phase.epochs + 1):
        began = time.monotonic()
        loss = hits = 0.0
        order = generator.permutation(len(train.labels))
        for first in range(0, len(order), config.batch_size):
            rows = order[first : first + config.batch_size]
            batch_loss, batch_hits, gradients = _gradients(
                parameters,
                train.features[rows],
                smoothed[rows],
                row_weights[rows],
                config.head.dropout,
                generator,
            )
            update(parameters, gradients)
            loss += batch_loss * len(rows)
            hits += batch_hits
        head = _copy(parameters)
        validation_loss, validation_accuracy = _score(head, validation)
        seconds = time.monotonic() - began
        event = Epoch(
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
        emit(event)
        first_finite = started_random and kept.epoch == 0 and np.isfinite(validation_loss)
        if validation_loss < kept.validation_loss or first_finite:
            best, kept = head, _kept(event)
        elif epoch - kept.epoch >= phase.patience:
            break
    emit(kept)
    return best


def _random_head(widths: list[int], config: TrainingConfig) -> DenseHead:
    """Random weights as in Glorot and Bengio (2010)."""
    generator = np.random.default_rng(config.seed)
    layers = []
    for inputs, units in itertools.pairwise(widths):
        limit = np.sqrt(6 / (inputs + units))
        kernel = generator.uniform(-limit, limit, (inputs, units)).astype(np.float32)
        layers.append((kernel, np.zeros(units, np.float32)))
    return DenseHead(tuple(layers))


def _copy(parameters: list[np.ndarray]) -> DenseHead:
    copies = [array.copy() for array in parameters]
    return DenseHead(tuple(zip(copies[::2], copies[1::2], strict=True)))


def _gradients(
    parameters: list[np.ndarray],
    features: np.ndarray,
    smoothed: np.ndarray,
    weights: np.ndarray,
    dropout: float,
    generator: np.random.Generator,
) -> tuple[float, float, list[np.ndarray]]:
    """Mean weighted cross-entropy, number of hits, and the gradient of each parameter."""
    inputs: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    activations = features
    for layer in range(0, len(parameters), 2):
        if layer:
            activations = np.maximum(activations, 0)
        kept = generator.random(activations.shape, np.float32) >= dropout
        masks.append((kept / np.float32(1 - dropout)).astype(np.float32))
        activations = activations * masks[-1]
        inputs.append(activations)
        activations = activations @ parameters[layer] + parameters[layer + 1]
    probabilities = softmax(activations)
    hits = float((probabilities.argmax(axis=1) == smoothed.argmax(axis=1)).sum())
    losses = -(smoothed * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
    loss = float((losses * weights).mean())

    error = (probabilities - smoothed) * (weights / len(weights))[:, None]
    gradients: list[np.ndarray] = []
    for layer in range(len(parameters) - 2, -1, -2):
        index = layer // 2
        gradients[:0] = [inputs[index].T @ error, error.sum(axis=0)]
        if layer:
            error = (error @ parameters[layer].T) * masks[index] * (inputs[index] > 0)
    return loss, hits, gradients


def _score(head: DenseHead, batch: Batch) -> tuple[float, float]:
    """Mean cross-entropy and accuracy."""
    probabilities = head.probabilities(batch.features)
    loss = float(cross_entropy(batch.labels, probabilities).mean())
    return loss, float((probabilities.argmax(axis=1) == batch.labels).mean())


def _kept(event: Epoch) -> Kept:
    return Kept(
        phase=event.phase,
        epoch=event.epoch,
        validation_loss=event.validation_loss or 0.0,
        validation_accuracy=event.validation_accuracy or 0.0,
    )
