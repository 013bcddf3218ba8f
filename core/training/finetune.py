"""Phase 2: the stages above the cut, trained on kept activations; what is below never runs."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from core.backbones import Backbone, build
from core.dense import DenseHead, softmax
from core.errors import BadConfig
from core.evaluation import calibration
from core.training.config import Phase, TrainingConfig, Unfreeze
from core.training.events import Counter, Emit, Epoch, Kept
from core.training.head import class_weights, targets

PHASE = "fine-tune"
WARM_UP = 0.1
"""Share of the steps in which the rate rises from zero to its peak."""


@dataclass(frozen=True)
class Cuts:
    """Activations at the cut with what they should be called.

    Attributes:
        activations: (n, h, w, c) float16, may be memory-mapped.
        labels: (n,) int64.
    """

    activations: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Score:
    """Mean cross-entropy and accuracy; `tempered` is the former at the best temperature."""

    loss: float
    accuracy: float
    tempered: float


def cut_stage(backbone: Backbone, trunk: keras.Model, wanted: Unfreeze) -> int:
    """The highest stage whose end lies below everything that phase 2 is to train.

    Returns:
        Index in `backbone.stages`.

    Raises:
        BadConfig: no cut of this backbone lies below that many layers.
    """
    stages = len(backbone.stages)
    if not wanted.layers:
        return stages - 1 - wanted.stages
    for stage in range(stages - 2, -1, -1):
        if len(build.top_model(backbone, stage, trunk).layers) - 1 >= wanted.layers:
            return stage
    raise BadConfig(
        f"Expected fewer layers to train in {backbone.title} than lie above its first stage, "
        f"found {wanted.layers}. Ask for fewer."
    )


def unfreeze(above: keras.Model, layers: int) -> None:
    """Mark what phase 2 trains: all of `above`, or its last `layers`; never batch normalisation.

    A frozen `BatchNormalization` of Keras also runs in inference mode, so its statistics stay.
    """
    kept = above.layers[-layers:] if layers else above.layers
    for layer in above.layers:
        layer.trainable = layer in kept and not isinstance(layer, keras.layers.BatchNormalization)


def fit(
    above: keras.Model,
    head: DenseHead,
    train: Cuts,
    validation: Cuts,
    config: TrainingConfig,
    emit: Emit,
) -> tuple[DenseHead, Kept]:
    """Train `above` and the head together, from where phase 1 left them.

    The rate warms up, then follows a cosine to zero (Loshchilov and Hutter, 2017). The weights of
    the best epoch by validation loss are put back; epoch 0, the head alone, is among them, so
    what comes out is never worse on validation than what went in. Losses are compared after
    temperature scaling (Guo et al., 2017): label smoothing makes a network less sure than the
    head it began with, and that alone should count neither for it nor against it.

    Args:
        above: from activations at the cut to the last feature map; changed in place.
        head: the head of phase 1.

    Returns:
        The head that belongs to `above` now, and which epoch was kept.
    """
    keras.utils.set_random_seed(config.seed)
    unfreeze(above, config.unfreeze.layers)
    network = _network(above, head, config.head.dropout)
    phase = config.fine_tune_phase
    steps = math.ceil(len(train.labels) / config.batch_size)
    step = _step(network, _optimizer(phase, steps * phase.epochs))
    weights = class_weights(train.labels, head.classes) if config.class_weights else None
    wanted = targets(train.labels, head.classes, config.label_smoothing)
    generator = np.random.default_rng(config.seed)
    count = Counter(emit)

    best_score, best_epoch = _score(network, validation, config.batch_size), 0
    best = network.get_weights()
    for epoch in range(1, phase.epochs + 1):
        start = time.monotonic()
        loss = hits = 0.0
        order = generator.permutation(len(train.labels))
        for at in range(0, len(order), config.batch_size):
            rows = np.sort(order[at : at + config.batch_size])
            row_weights = np.ones(len(rows)) if weights is None else weights[train.labels[rows]]
            batch_loss, batch_hits = step(
                tf.cast(train.activations[rows], tf.float32),
                tf.constant(wanted[rows]),
                tf.constant(row_weights, tf.float32),
            )
            loss += float(batch_loss) * len(rows)
            hits += float(batch_hits)
            count(f"Fine-tuning, epoch {epoch}", min(at + len(rows), len(order)), len(order))
        score = _score(network, validation, config.batch_size)
        seconds = time.monotonic() - start
        emit(
            Epoch(
                phase=PHASE,
                epoch=epoch,
                epochs=phase.epochs,
                loss=loss / len(order),
                accuracy=hits / len(order),
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                seconds=seconds,
                pictures_per_second=len(order) / seconds,
                seconds_left=seconds * (phase.epochs - epoch),
            )
        )
        if score.tempered < best_score.tempered:
            best_score, best_epoch = score, epoch
            best = network.get_weights()
        elif epoch - best_epoch >= phase.patience:
            break
    network.set_weights(best)
    kept = Kept(
        phase=PHASE,
        epoch=best_epoch,
        validation_loss=best_score.loss,
        validation_accuracy=best_score.accuracy,
    )
    emit(kept)
    return _head(network), kept


def _network(above: keras.Model, head: DenseHead, dropout: float) -> keras.Model:
    """`above`, pooling and the head with its weights; ends in logits."""
    inputs = keras.Input(above.input.shape[1:])
    x = keras.layers.GlobalAveragePooling2D()(above(inputs))
    for number, (kernel, bias) in enumerate(head.layers):
        last = number == len(head.layers) - 1
        x = keras.layers.Dropout(dropout)(x)
        dense = keras.layers.Dense(len(bias), activation=None if last else "relu")
        x = dense(x)
        dense.set_weights([kernel, bias])
    return keras.Model(inputs, x)


def _head(network: keras.Model) -> DenseHead:
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]
    return DenseHead(tuple(tuple(layer.get_weights()) for layer in dense))


def _optimizer(phase: Phase, steps: int) -> keras.optimizers.Optimizer:
    warm_up = max(1, round(WARM_UP * steps))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up),
        warmup_target=phase.learning_rate,
        warmup_steps=warm_up,
    )
    match phase.optimizer:
        case "adam":
            return keras.optimizers.Adam(rate)
        case "adamw":
            return keras.optimizers.AdamW(rate, weight_decay=phase.weight_decay)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate)
        case "sgd":
            return keras.optimizers.SGD(rate, momentum=phase.momentum)


def _step(
    network: keras.Model, optimizer: keras.optimizers.Optimizer
) -> tf.types.experimental.GenericFunction:
    """One update in a plain graph: half the time of `fit`, whose bookkeeping it leaves out."""
    variables = network.trainable_variables
    optimizer.build(variables)
    shape = network.input.shape[1:]

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *shape), tf.float32),
            tf.TensorSpec((None, network.output.shape[-1]), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        ]
    )
    def step(activations, wanted, weights):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            logits = network(activations, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
            loss = tf.reduce_mean(losses * weights)
        optimizer.apply(tape.gradient(loss, variables), variables)
        hits = tf.equal(tf.argmax(logits, 1), tf.argmax(wanted, 1))
        return loss, tf.reduce_sum(tf.cast(hits, tf.float32))

    return step


def _score(network: keras.Model, batch: Cuts, size: int) -> Score:
    """How the network does on a split."""
    logits = np.concatenate(
        [
            network(tf.cast(batch.activations[at : at + size], tf.float32), training=False).numpy()
            for at in range(0, len(batch.labels), size)
        ]
    )
    probabilities = softmax(logits.astype(np.float64))
    # Where every answer is right, the surer the better.
    temperature = calibration.fit_temperature(batch.labels, probabilities) or calibration.COLDEST
    return Score(
        loss=_cross_entropy(batch.labels, probabilities),
        accuracy=float((probabilities.argmax(axis=1) == batch.labels).mean()),
        tempered=_cross_entropy(batch.labels, calibration.scale(probabilities, temperature)),
    )


def _cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, 1e-12)).mean())
