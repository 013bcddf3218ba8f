"""Phase 2: train the stages above the cut on stored activations; the stages below never run."""

from __future__ import annotations

import math
import time

import keras
import numpy as np
import tensorflow as tf

from core.backbones import build
from core.evaluation import calibration
from core.jobs.events import Counter, Emit, Epoch, Kept, Note
from core.model.dense import DenseHead, softmax
from core.model.retrained import Retrained
from core.training import depth, stages
from core.training.checkpoint import Checkpoint, FineTuneState, Score
from core.training.config import Phase, TrainingConfig
from core.training.features import Features
from core.training.head import class_weights, targets
from core.training.network import Network
from core.training.team import Team

PHASE = "fine-tune"
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises from zero to its peak."""
SEEDS_PER_PROCESS = 1_000
"""Distance of the seeds of two processes, so that each draws its own dropout."""


class Tuner:
    """The stages above a cut with a head, ready to be trained.

    A tuner is created before the features exist, since TensorFlow takes seconds to start.
    """

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        classes: int,
        pictures: int,
        team: Team | None = None,
    ) -> None:
        """Build and trace the network.

        Args:
            network: to start from.
            classes: number of outputs.
            pictures: training pictures; they determine the length of the schedule.
            team: processes that share the work, each with a tuner; this one alone if None.

        Raises:
            BadConfig: no cut lies below all layers to train.
            WeightsUnavailable: the backbone's weights cannot be had.
        """
        self._config = config
        self._team = team or Team()
        backbone, self.trunk = network.backbone, network.trunk()
        self.above = build.top_model(backbone, depth.cut_stage(config), self.trunk)
        stages.unfreeze(self.above, config.unfreeze.layers)
        self._before = [layer.get_weights() for layer in stages.trained(self.above)]
        widths = [backbone.embedding, *config.head.hidden, classes]
        seed = config.seed + SEEDS_PER_PROCESS * self._team.rank
        self.network = stages.network(self.above, widths, config.head.dropout, seed)
        phase = config.fine_tune_phase
        self.epochs = 0
        """Epochs that this tuner ran itself."""
        steps = math.ceil(pictures / config.batch_size)
        self._optimizer = _optimizer(phase, steps * phase.epochs)
        self._step = _step(self.network, self._optimizer, self._team)
        self._logits = _logits(self.network)
        self._step.get_concrete_function()
        self._logits.get_concrete_function()

    def fit(
        self,
        head: DenseHead,
        train: Features,
        train_labels: np.ndarray,
        validation: Features,
        validation_labels: np.ndarray,
        emit: Emit,
        checkpoint: Checkpoint | None = None,
    ) -> tuple[DenseHead, Kept]:
        """Train the stages and the head together, starting from the head of phase 1.

        An epoch shows each picture once, in another view than the epoch before. The learning rate
        warms up, then follows a cosine to zero (Loshchilov and Hutter, 2017). Finally the weights
        of the best epoch by validation loss are restored; epoch 0, the head alone, is among them,
        so the result is never worse on validation than the start. Losses are compared after
        temperature scaling (Guo et al., 2017): label smoothing makes a network less confident than
        the head, which should not count as better or worse.

        Args:
            head: of phase 1.
            train, validation: features with activations at the cut.
            train_labels, validation_labels: (n,) int64.
            checkpoint: to resume from, and to write after each epoch.

        Returns:
            The head that now belongs to `above`, and which epoch was kept.
        """
        network, config, team = self.network, self._config, self._team
        for layer, (kernel, bias) in zip(stages.dense(network), head.layers, strict=True):
            layer.set_weights([kernel, bias])
        phase = config.fine_tune_phase
        progress = Counter(emit)
        row_weights = np.ones(len(train_labels))
        if config.class_weights:
            row_weights = class_weights(train_labels, head.classes)[train_labels]
        smoothed = targets(train_labels, head.classes, config.label_smoothing)
        generator = np.random.default_rng(config.seed)
        pictures, views = train.embeddings.shape[:2]
        view_order = np.stack([generator.permutation(views) for _ in range(pictures)])
        variables = [*network.variables, *self._optimizer.variables]
        state = checkpoint.read(variables, generator) if checkpoint else None
        if state is None:
            score = self._score(validation, validation_labels)
            state = FineTuneState(network.get_weights(), score)
        else:
            _repeat_events(state, emit)
        for epoch in range(state.epoch + 1, phase.epochs + 1):
            if state.epoch - state.best_epoch >= phase.patience:
                break
            self.epochs += 1
            began = time.monotonic()
            loss = hits = 0.0
            order = generator.permutation(pictures)
            for first in range(0, pictures, config.batch_size):
                batch = np.sort(order[first : first + config.batch_size])
                rows, weights = team.share(batch, row_weights[batch] / len(batch))
                activations = train.cuts(rows, view_order[rows, (epoch - 1) % views])
                batch_loss, batch_hits = self._step(
                    tf.constant(activations.astype(np.float32)),
                    tf.constant(smoothed[rows]),
                    tf.constant(weights, tf.float32),
                )
                loss += float(batch_loss) * len(batch)
                hits += float(batch_hits)
                progress(f"Fine-tuning, epoch {epoch}", first + len(batch), pictures)
            loss, hits = team.sum(np.array([loss, hits]))
            score = self._score(validation, validation_labels)
            seconds = time.monotonic() - began
            event = Epoch(
                phase=PHASE,
                epoch=epoch,
                epochs=phase.epochs,
                loss=loss / pictures,
                accuracy=hits / pictures,
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                seconds=seconds,
                pictures_per_second=pictures / seconds,
                seconds_left=seconds * (phase.epochs - epoch),
            )
            emit(event)
            state.epochs.append(event)
            if score.tempered < state.score.tempered:
                state.score, state.best_epoch = score, epoch
                state.best = network.get_weights()
            if checkpoint:
                checkpoint.write(state, variables, generator)
        network.set_weights(state.best)
        kept = Kept(
            phase=PHASE,
            epoch=state.best_epoch,
            validation_loss=state.score.loss,
            validation_accuracy=state.score.accuracy,
        )
        emit(kept)
        return self.head(), kept

    def head(self) -> DenseHead:
        """The head with its present weights."""
        dense = stages.dense(self.network)
        return DenseHead(tuple(tuple(layer.get_weights()) for layer in dense))

    def retrained(self) -> list[Retrained]:
        """The layers of the backbone that were trained, before and after.

        Raises:
            LookupError: a layer is not a convolution.
        """
        return stages.retrained(stages.trained(self.above), self._before)

    def probabilities(self, features: Features) -> np.ndarray:
        """Predict the plain views of a split: (n, classes) float64."""
        size = self._config.batch_size
        logits = np.zeros((len(features.embeddings), self.network.output.shape[-1]))
        rows, weights = self._team.share(np.arange(len(logits)), np.ones(len(logits)))
        rows = rows[weights > 0]
        for chunk in (rows[first : first + size] for first in range(0, len(rows), size)):
            activations = features.cuts(chunk, np.zeros_like(chunk)).astype(np.float32)
            logits[chunk] = self._logits(tf.constant(activations)).numpy()
        return softmax(self._team.sum(logits))

    def _score(self, features: Features, labels: np.ndarray) -> Score:
        """Loss and accuracy on the plain views of a split."""
        probabilities = self.probabilities(features)
        # Where every prediction is correct, the more confident network is better.
        temperature = calibration.fit_temperature(labels, probabilities) or calibration.COLDEST
        loss = _cross_entropy(labels, probabilities)
        accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        tempered = _cross_entropy(labels, calibration.scale(probabilities, temperature))
        return Score(*map(float, self._team.from_first(np.array([loss, accuracy, tempered]))))


def _repeat_events(state: FineTuneState, emit: Emit) -> None:
    """Emit the epochs before the interruption again, so that the curves are complete."""
    for epoch in state.epochs:
        emit(epoch)
    emit(Note(sentence=f"Fine-tuning resumes after epoch {state.epoch}, which was kept."))


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
    network: keras.Model, optimizer: keras.optimizers.Optimizer, team: Team
) -> tf.types.experimental.GenericFunction:
    """One update as a plain graph, in half the time that `fit` needs with its bookkeeping.

    The weights of the rows are shares of the batch's loss; a row of weight 0 does not count.
    """
    variables = network.trainable_variables
    optimizer.build(variables)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *network.input.shape[1:]), tf.float32),
            tf.TensorSpec((None, network.output.shape[-1]), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        ]
    )
    def step(activations, smoothed, weights):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            logits = network(activations, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(smoothed, logits)
            loss = tf.reduce_sum(losses * weights)
        gradients = team.sum_gradients(tape.gradient(loss, variables))
        optimizer.apply(gradients, variables)
        hits = tf.equal(tf.argmax(logits, 1), tf.argmax(smoothed, 1)) & (weights > 0)
        return loss, tf.reduce_sum(tf.cast(hits, tf.float32))

    return step


def _logits(network: keras.Model) -> tf.types.experimental.GenericFunction:
    shape = network.input.shape[1:]
    return tf.function(
        lambda activations: network(activations, training=False),
        input_signature=[tf.TensorSpec((None, *shape), tf.float32)],
    )


def _cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    own = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, 1e-12)).mean())
