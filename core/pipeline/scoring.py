"""Evaluate a model on the test pictures, through the engine that serves predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import images, intake
from core.dataset import Example, splitting
from core.evaluation import calibration, evaluate
from core.jobs.events import Counter
from core.model import batch, heatmap, storage
from core.model.classifier import Classifier, on_one_thread
from core.runs.run import Run
from core.training.calibrated_head import CalibratedHead
from core.training.context import TrainingContext


@dataclass(frozen=True)
class CalibrationPictures:
    """The validation pictures, on which thresholds and prediction sets are calibrated.

    Attributes:
        labels: (m,) int64.
        probabilities: (m, k) float64, by a model that was not trained on them. If the head that
            answers is fitted to them too, these come from one fitted to the training pictures
            alone: predictions of pictures that a head has seen would promise too much.
        groups: (m,) int64, equal for pictures that look the same or were taken in one burst.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray


def calibration_pictures(context: TrainingContext, head: CalibratedHead) -> CalibrationPictures:
    """The validation pictures, with predictions of `CalibratedHead.validation`."""
    return CalibrationPictures(
        context.labels("validation"),
        head.validation,
        splitting.groups(context.of("validation"), bursts=True),
    )


def predict_test(
    context: TrainingContext, run: Run, description: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predict the test pictures with the run's model, as the Predict page does.

    Args:
        description: of the step, for the progress.

    Returns:
        Probabilities (n, k) float32, embeddings (n, d) float32, and heat maps (n, 2, h, w) uint8
        as returned by `heatmap.packed`.
    """

    def predict(
        classifier: Classifier, example: Example
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answer = classifier.answer(classifier.load(context.pictures / example.path))
        maps = classifier.heatmaps(answer, (int(answer.probabilities.argmax()), example.label))
        return answer.probabilities, answer.embedding, heatmap.packed(maps)

    count, examples, rows = Counter(context.emit), context.of("test"), []
    for row in batch.each(lambda: open_classifier(context, run), examples, predict):
        rows.append(row)
        count(description, len(rows), len(examples))
    probabilities, embeddings, heatmaps = (np.stack(column) for column in zip(*rows, strict=True))
    return probabilities, embeddings, heatmaps


def open_classifier(context: TrainingContext, run: Run) -> Classifier:
    """The run's model on one thread; usable before the run is complete."""
    return storage.classifier(
        run.model_folder, context.dataset.name, context.settings, on_one_thread
    )


def write_report(
    context: TrainingContext, run: Run, head: CalibratedHead, probabilities: np.ndarray
) -> None:
    """Evaluate a run and write its report.

    Args:
        probabilities: (n, k), predictions for the test pictures.
    """
    uncalibrated = None
    if head.temperature is not None:
        uncalibrated = calibration.scale(probabilities.astype(np.float64), 1 / head.temperature)
    examples, classes = context.of("test"), context.dataset.classes
    calibrated_on = calibration_pictures(context, head)
    run.write_thumbnails(_thumbnail(context, example) for example in examples)
    report = evaluate(
        context.labels("test"),
        probabilities,
        classes,
        names=[example.name for example in examples],
        temperature=head.temperature,
        uncalibrated=uncalibrated,
        validation=calibrated_on.probabilities,
        validation_labels=calibrated_on.labels,
        validation_groups=calibrated_on.groups,
        set_levels=storage.load_description(run.model_folder).set_levels,
        training_counts=np.bincount(context.labels("train"), minlength=len(classes)).tolist(),
        groups=splitting.groups(examples, bursts=True),
        leaked=splitting.leaked(context.dataset, context.learned),
        new_groups=splitting.new_groups(context.dataset),
    )
    run.write_report(report, probabilities)


def _thumbnail(context: TrainingContext, example: Example) -> bytes:
    """The thumbnail that intake made, or a new one."""
    try:
        return intake.thumbnail(context.pictures.parent, example).read_bytes()
    except OSError:
        path = context.pictures / example.path
        return images.thumbnail(
            images.decode(
                path, limits=context.settings, shorter_edge=160, scale=context.dataset.scale
            )
        )
