"""Phase 2: train the stages above the cut on stored activations; the stages below never run."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from core import backbones
from core.backbones import build
from core.evaluation import calibration, metrics
from core.jobs.events import Emit, Epoch, Kept, Note, StepReporter
from core.model.dense import DenseHead
from core.model.retrained import Retrained
from core.training import backbone_cut, outcome, stages
from core.training.checkpoint import Checkpoint, FineTuneState, Score
from core.training.config import TrainingConfig
from core.training.features import Features
from core.training.head import class_weights, targets

PHASE = "fine-tune"

Gradients = tuple[float, float, list[np.ndarray]]
"""The loss of some rows of a batch, how many are predicted correctly, and the gradients."""


class Worker(Protocol):
    """Computes the batches: a tuner alone, or a tuner with helpers on other machines."""

    def step(
        self, activations: np.ndarray, smoothed: np.ndarray, weights: np.ndarray
    ) -> tuple[float, float]:
        """See `Tuner.step`."""

    def logits(self, activations: np.ndarray) -> np.ndarray:
        """See `Tuner.logits`."""


class Tuner:
    """The stages above a cut with a head, ready to be trained.

    A tuner is created before the features exist, since TensorFlow takes seconds to start.
    """

    def __init__(
        self,
        trunk: keras.Model,
        config: TrainingConfig,
        classes: int,
        pictures: int,
    ) -> None:
        """Build and trace the network.

        Args:
            trunk: the backbone of the settings, without a head, with the weights to start from.
            classes: number of outputs.
            pictures: training pictures; they determine the length of the schedule.
        """
        self._config = config
        backbone, self.trunk = backbones.get(config.backbone), trunk
        self.above = build.top_model(backbone, backbone_cut.cut_stage(config), self.trunk)
        stages.unfreeze(self.above, config.unfreeze.layers)
        self._before = [layer.get_weights() for layer in stages.trained(self.above)]
        widths = [backbone.embedding, *config.head.hidden, classes]
        self.network = stages.network(self.above, widths, config.head.dropout, config.seed)
        phase = config.fine_tune_phase
        self.epochs = 0
        """Epochs that this tuner ran itself."""
        steps = math.ceil(pictures / config.batch_size)
        self._optimizer = stages.optimizer(phase, steps * phase.epochs)
        self._gradients, self._apply = stages.graphs(self.network, self._optimizer)
        self._logits = stages.logits(self.network)
        self._gradients.get_concrete_function()
        self._apply.get_concrete_function()
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
        team: Worker | None = None,
    ) -> tuple[DenseHead, Kept]:
        """Train the stages and the head together, starting from the head of phase 1.

        An epoch shows each picture once, in another view than the epoch before. The learning rate
        warms up, then follows a cosine to zero (Loshchilov and Hutter, 2017). Finally the weights
        of the best epoch by validation loss are compared with those of the start and with weights
        between the two (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022), so
        the result is never worse on validation than the head alone. Losses are compared after
        temperature scaling (Guo et al., 2017): label smoothing makes a network less confident than
        the head, which should not count as better or worse.

        Args:
            head: of phase 1.
            train, validation: features with activations at the cut.
            train_labels, validation_labels: (n,) int64.
            checkpoint: to resume from, and to write after each epoch.
            team: this tuner with helpers on other machines; None to compute alone.

        Returns:
            The head that now belongs to `above`, and which weights were kept.
        """
        network, config = self.network, self._config
        worker: Worker = team or self
        for layer, (kernel, bias) in zip(stages.dense(network), head.layers, strict=True):
            layer.set_weights([kernel, bias])
        phase = config.fine_tune_phase
        progress = StepReporter(emit)
        row_weights = np.ones(len(train_labels))
        if config.class_weights:
            row_weights = class_weights(train_labels, head.classes)[train_labels]
        smoothed = targets(train_labels, head.classes, config.label_smoothing)
        generator = np.random.default_rng(config.seed)
        pictures, views = train.embeddings.shape[:2]
        view_order = np.stack([generator.permutation(views) for _ in range(pictures)])
        variables = [*network.variables, *self._optimizer.variables]
        start = network.get_weights()
        state = resumed = checkpoint.read(variables, generator) if checkpoint else None
        if state is None:
            score = self._score(worker, validation, validation_labels)
            head_alone = Epoch(
                phase=PHASE,
                epoch=0,
                epochs=phase.epochs,
                validation_loss=score.loss,
                validation_accuracy=score.accuracy,
                seconds=0.0,
            )
            state = FineTuneState(start=score, score=score, best=start, epochs=[head_alone])
        for event in state.epochs:  # again after an interruption, so that the curves are complete
            emit(event)
        if resumed:
            emit(Note(sentence=f"Fine-tuning resumes after epoch {state.epoch}, which was kept."))
        for epoch in range(state.epoch + 1, phase.epochs + 1):
            if state.epoch - state.best_epoch >= phase.patience:
                break
            self.epochs += 1
            began = time.monotonic()
            loss = hits = 0.0
            order = generator.permutation(pictures)
            for first in range(0, pictures, config.batch_size):
                batch = np.sort(order[first : first + config.batch_size])
                batch_loss, batch_hits = worker.step(
                    train.cuts(batch, view_order[batch, (epoch - 1) % views]),
                    smoothed[batch],
                    row_weights[batch] / len(batch),
                )
                loss += batch_loss * len(batch)
                hits += batch_hits
                progress(f"Fine-tuning, epoch {epoch}", first + len(batch), pictures)
            score = self._score(worker, validation, validation_labels)
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
        kept = self._keep(start, state, lambda: self._score(worker, validation, validation_labels))
        layers = (tuple(layer.get_weights()) for layer in stages.dense(network))
        return DenseHead(tuple(layers)), kept

    def _keep(
        self, start: list[np.ndarray], state: FineTuneState, score: Callable[[], Score]
    ) -> Kept:
        """Set the best weights between the start and the best epoch; returns which they are."""
        chosen, chosen_share, least = start, 0.0, state.start
        for share in outcome.SHARES if state.best_epoch else ():
            # Exact at the end: with a share of 1 the epoch is kept as it was.
            steps = zip(start, state.best, strict=True)
            between = state.best if share == 1 else [a + share * (b - a) for a, b in steps]
            self.network.set_weights(between)
            candidate = score()
            if candidate.tempered < least.tempered:
                chosen, chosen_share, least = between, share, candidate
        self.network.set_weights(chosen)
        return Kept(
            phase=PHASE,
            epoch=state.best_epoch if chosen_share else 0,
            share=chosen_share or 1.0,
            validation_loss=least.loss,
            validation_accuracy=least.accuracy,
            start_accuracy=state.start.accuracy,
        )

    def retrained(self) -> list[Retrained]:
        """The layers of the backbone that were trained, before and after.

        Raises:
            LookupError: a layer is not a convolution.
        """
        return stages.retrained(stages.trained(self.above), self._before)

    def step(
        self, activations: np.ndarray, smoothed: np.ndarray, weights: np.ndarray
    ) -> tuple[float, float]:
        """Update the weights by one batch.

        Args:
            activations: (n, h, w, c) float16 at the cut.
            smoothed: (n, classes) float32, targets.
            weights: (n,), share of each row in the loss.

        Returns:
            Loss, and number of correct rows.
        """
        loss, hits, gradients = self._gradients(*_tensors(activations, smoothed, weights))
        self._apply(gradients)
        return float(loss), float(hits)

    def gradients(
        self, activations: np.ndarray, smoothed: np.ndarray, weights: np.ndarray
    ) -> Gradients:
        """Loss, hits and gradients of some rows of a batch; arguments as for `step`."""
        loss, hits, gradients = self._gradients(*_tensors(activations, smoothed, weights))
        return float(loss), float(hits), [gradient.numpy() for gradient in gradients]

    def apply(self, gradients: Sequence[np.ndarray]) -> None:
        """Update the weights by the sums of all gradients of a batch."""
        self._apply([tf.constant(gradient) for gradient in gradients])

    def logits(self, activations: np.ndarray) -> np.ndarray:
        """(n, h, w, c) float16 → (n, classes) float32."""
        return self._logits(tf.constant(activations.astype(np.float32))).numpy()

    @property
    def shared_variables(self) -> list[keras.Variable]:
        """All variables that a step changes, except the seeds of dropout."""
        return [*self.network.weights, *self._optimizer.variables]

    def probabilities(self, features: Features, worker: Worker | None = None) -> np.ndarray:
        """Predict the plain views of a split: (n, classes) float64."""
        batches = self._batches(features, np.arange(len(features.embeddings)))
        logits = [(worker or self).logits(batch) for batch in batches]
        return calibration.softmax(np.concatenate(logits).astype(np.float64))

    def embeddings(self, features: Features, pictures: np.ndarray) -> np.ndarray:
        """Embeddings (m, d) float32 of the plain views of some pictures."""
        embed = stages.logits(stages.pooled(self.network))
        batches = self._batches(features, pictures)
        return np.concatenate([embed(batch.astype(np.float32)).numpy() for batch in batches])

    def _batches(self, features: Features, pictures: np.ndarray) -> Iterator[np.ndarray]:
        """Activations of plain views, a batch at a time; an empty batch without pictures."""
        size = self._config.batch_size
        for first in range(0, max(1, len(pictures)), size):
            batch = pictures[first : first + size]
            yield features.cuts(batch, np.zeros_like(batch))

    def _score(self, worker: Worker, features: Features, labels: np.ndarray) -> Score:
        """Loss and accuracy on the plain views of a split."""
        probabilities = self.probabilities(features, worker)
        return Score(
            loss=float(metrics.log_losses(labels, probabilities).mean()),
            accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
            tempered=calibration.calibrated_loss(labels, probabilities),
        )


def _tensors(
    activations: np.ndarray, smoothed: np.ndarray, weights: np.ndarray
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    floats = tf.constant(activations.astype(np.float32))
    return floats, tf.constant(smoothed), tf.constant(weights, tf.float32)
