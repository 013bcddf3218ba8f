"""Phase 2: the stages above the cut, trained on kept activations; what is below never runs."""

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
from core.training.team import SEEDS, SingleProcess, Team

PHASE = "fine-tune"
WARM_UP = 0.1
"""Share of the steps in which the rate rises from zero to its peak."""


class Tuner:
    """The stages above a cut with a head, ready to be trained.

    It is made before the features are there, as TensorFlow needs seconds for it.
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
            network: what it starts from.
            classes: that it is to tell apart.
            pictures: that it will be trained on; they set the length of the schedule.
            team: who shares the work; all of them call the same in the same order.

        Raises:
            BadConfig: no cut lies below all that is to be trained.
            WeightsUnavailable: the backbone's weights cannot be had.
        """
        self._config = config
        self._team = team or SingleProcess()
        backbone, self.trunk = network.backbone, network.trunk()
        self.above = build.top_model(backbone, depth.cut_stage(config), self.trunk)
        stages.unfreeze(self.above, config.unfreeze.layers)
        self._before = [layer.get_weights() for layer in stages.trained(self.above)]
        widths = [backbone.embedding, *config.head.hidden, classes]
        seed = config.seed + SEEDS * self._team.number
        self._network = stages.network(self.above, widths, config.head.dropout, seed)
        phase = config.fine_tune_phase
        self.epochs = 0
        """That it ran itself."""
        self._steps = math.ceil(pictures / config.batch_size)
        self._optimizer = _optimizer(phase, self._steps * phase.epochs)
        self._step = _step(self._network, self._optimizer, self._team)
        self._logits = _logits(self._network)
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
        """Train the stages and the head together, from where phase 1 left them.

        An epoch shows each picture once, in another of its views than the epoch before. The rate
        warms up, then follows a cosine to zero (Loshchilov and Hutter, 2017). The weights of the
        best epoch by validation loss are put back; epoch 0, the head alone, is among them, so
        what comes out is never worse on validation than what went in. Losses are compared after
        temperature scaling (Guo et al., 2017): label smoothing makes a network less sure than the
        head it began with, and that alone should count neither for it nor against it.

        Args:
            head: the head of phase 1.
            train, validation: features with activations at the cut.
            train_labels, validation_labels: (n,) int64.
            checkpoint: where it goes on from, if it broke off before, and keeps how far it comes.

        Returns:
            The head that belongs to `above` now, and which epoch was kept.
        """
        network, config = self._network, self._config
        for layer, (kernel, bias) in zip(stages.dense(network), head.layers, strict=True):
            layer.set_weights([kernel, bias])
        phase = config.fine_tune_phase
        count = Counter(emit)
        weights = class_weights(train_labels, head.classes) if config.class_weights else None
        wanted = targets(train_labels, head.classes, config.label_smoothing)
        generator = np.random.default_rng(config.seed)
        pictures, views = train.embeddings.shape[:2]
        turns = np.stack([generator.permutation(views) for _ in range(pictures)])
        state = [*network.variables, *self._optimizer.variables]
        standing = checkpoint.read(state, generator) if checkpoint else None
        self._team.agree(standing.epoch if standing else 0)
        if standing is None:
            standing = FineTuneState(
                network.get_weights(), self._score(validation, validation_labels)
            )
        else:
            _say_again(standing, emit)
        for epoch in range(standing.epoch + 1, phase.epochs + 1):
            if standing.epoch - standing.best_epoch >= phase.patience:
                break
            self.epochs += 1
            start = time.monotonic()
            loss = hits = 0.0
            order = generator.permutation(pictures)
            for at in range(0, pictures, config.batch_size):
                rows = np.sort(order[at : at + config.batch_size])
                mine, counts = self._team.share(rows)
                activations = train.cuts(mine, turns[mine, (epoch - 1) % views])
                row_weights = counts if weights is None else counts * weights[train_labels[mine]]
                batch_loss, batch_hits = self._step(
                    tf.constant(activations.astype(np.float32)),
                    tf.constant(wanted[mine]),
                    tf.constant(row_weights / len(rows), tf.float32),
                )
                loss += float(batch_loss) * len(rows)
                hits += float(batch_hits)
                count(f"Fine-tuning, epoch {epoch}", min(at + len(rows), pictures), pictures)
            loss, hits = self._team.total(np.array([loss, hits]))
            score = self._score(validation, validation_labels)
            seconds = time.monotonic() - start
            said = Epoch(
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
            emit(said)
            standing.epochs.append(said)
            if score.tempered < standing.score.tempered:
                standing.score, standing.best_epoch = score, epoch
                standing.best = network.get_weights()
            if checkpoint and not self._team.number:
                checkpoint.write(standing, state, generator)
        network.set_weights(standing.best)
        kept = Kept(
            phase=PHASE,
            epoch=standing.best_epoch,
            validation_loss=standing.score.loss,
            validation_accuracy=standing.score.accuracy,
        )
        emit(kept)
        return DenseHead(tuple(tuple(layer.get_weights()) for layer in stages.dense(network))), kept

    @property
    def weights(self) -> list[np.ndarray]:
        """All weights above the cut and of the head, for `take_over`."""
        return self._network.get_weights()

    def take_over(self, weights: list[np.ndarray]) -> DenseHead:
        """Become what another of the same kind was trained to be. Returns its head."""
        self._network.set_weights(weights)
        dense = stages.dense(self._network)
        return DenseHead(tuple(tuple(layer.get_weights()) for layer in dense))

    def retrained(self) -> list[Retrained]:
        """The layers of the backbone that were trained, before and after.

        Raises:
            LookupError: a layer is not a convolution.
        """
        return stages.retrained(stages.trained(self.above), self._before)

    def embedding(self, view: np.ndarray) -> np.ndarray:
        """What the whole trained network makes of (size, size, 3) uint8: (d,) float32."""
        return stages.embedding(self.trunk, view)

    def probabilities(self, features: Features) -> np.ndarray:
        """What the network says of the plain views of a split: (n, classes) float64."""
        size = self._config.batch_size
        rows = np.arange(len(features.embeddings))
        logits = np.zeros((len(rows), self._network.output.shape[-1]))
        mine, counts = self._team.share(rows)
        mine = mine[counts > 0]
        for chunk in (mine[at : at + size] for at in range(0, len(mine), size)):
            activations = features.cuts(chunk, np.zeros_like(chunk)).astype(np.float32)
            logits[chunk] = self._logits(tf.constant(activations)).numpy()
        return softmax(self._team.total(logits))

    def _score(self, features: Features, labels: np.ndarray) -> Score:
        """How the network does on the plain views of a split; one process says it for all."""
        probabilities = self.probabilities(features)
        if self._team.number:
            return Score(*self._team.total(np.zeros(3)))
        # Where every answer is right, the surer the better.
        temperature = calibration.fit_temperature(labels, probabilities) or calibration.COLDEST
        loss = _cross_entropy(labels, probabilities)
        accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        tempered = _cross_entropy(labels, calibration.scale(probabilities, temperature))
        return Score(*map(float, self._team.total(np.array([loss, accuracy, tempered]))))


def _say_again(standing: FineTuneState, emit: Emit) -> None:
    """Say what was said of the epochs before it broke off, so that its curves are whole."""
    for epoch in standing.epochs:
        emit(epoch)
    emit(Note(sentence=f"Fine-tuning goes on after epoch {standing.epoch}, which was kept."))


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
    """One update in a plain graph: half the time of `fit`, whose bookkeeping it leaves out.

    Weights of rows are shares of the batch's loss; one of 0 is of a row that only stands in.
    """
    variables = network.trainable_variables
    optimizer.build(variables)
    shape = network.input.shape[1:]

    def gradients(activations, wanted, weights):  # type: ignore[no-untyped-def]
        with tf.GradientTape() as tape:
            logits = network(activations, training=True)
            losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
            loss = tf.reduce_sum(losses * weights)
        hits = tf.equal(tf.argmax(logits, 1), tf.argmax(wanted, 1)) & (weights > 0)
        return (
            team.summed(tape.gradient(loss, variables)),
            loss,
            tf.reduce_sum(tf.cast(hits, tf.float32)),
        )

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, *shape), tf.float32),
            tf.TensorSpec((None, network.output.shape[-1]), tf.float32),
            tf.TensorSpec((None,), tf.float32),
        ]
    )
    def step(activations, wanted, weights):  # type: ignore[no-untyped-def]
        summed, loss, hits = team.run(gradients, activations, wanted, weights)
        optimizer.apply(summed, variables)
        return loss, hits

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
