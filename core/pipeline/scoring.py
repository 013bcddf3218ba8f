"""Evaluate a model on the test pictures, through the engine that serves predictions."""

import numpy as np

from core import images, intake
from core.dataset import Example, known_groups, splitting
from core.evaluation import evaluate
from core.evaluation.calibration import Predictions
from core.jobs.events import StepReporter
from core.model import batch, heatmap, storage
from core.model.classifier import Classifier, on_one_thread
from core.runs.run import Run
from core.training.calibrated_head import CalibratedHead
from core.training.context import TrainingContext


def calibration_predictions(context: TrainingContext, head: CalibratedHead) -> Predictions:
    """Predictions for the validation pictures, by a head that was not trained on them.

    Predictions for pictures that a head was trained on are too confident.
    """
    return Predictions(
        context.labels("validation"),
        head.validation,
        splitting.groups(context.of("validation"), bursts=True),
    )


def predict_test(
    context: TrainingContext, run: Run, description: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predict the test pictures with the run's model, as the Predict page does.

    Returns:
        Probabilities (n, k) float32, embeddings (n, d) float32, and heat maps (n, 2, h, w) uint8
        as returned by `heatmap.to_uint8`.
    """

    def predict(
        classifier: Classifier, example: Example
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answer = classifier.answer(classifier.load(context.pictures / example.path))
        maps = classifier.heatmaps(answer, (int(answer.probabilities.argmax()), example.label))
        return answer.probabilities, answer.embedding, heatmap.to_uint8(maps)

    def build() -> Classifier:  # the run need not be complete
        name = context.dataset.name
        return storage.classifier(run.model_folder, name, context.settings, on_one_thread)

    progress, examples, rows = StepReporter(context.emit), context.of("test"), []
    for row in batch.map_parallel(build, examples, predict):
        rows.append(row)
        progress(description, len(rows), len(examples))
    probabilities, embeddings, heatmaps = (np.stack(column) for column in zip(*rows, strict=True))
    return probabilities, embeddings, heatmaps


def write_report(
    context: TrainingContext, run: Run, head: CalibratedHead, probabilities: np.ndarray
) -> None:
    """Evaluate a run by predictions (n, k) for its test pictures, and write its report."""
    examples, classes = context.of("test"), context.dataset.classes
    run.write_thumbnails(thumbnail(context, example) for example in examples)
    report = evaluate(
        context.labels("test"),
        probabilities,
        classes,
        names=[example.name for example in examples],
        temperature=head.temperature,
        validation=calibration_predictions(context, head),
        set_levels=storage.load_description(run.model_folder).set_levels,
        training_counts=np.bincount(context.labels("train"), minlength=len(classes)).tolist(),
        groups=splitting.groups(examples, bursts=True),
        leaked=splitting.leaked(context.dataset, context.learned),
        new_groups=known_groups.new(context.dataset),
    )
    run.write_report(report, probabilities)


def thumbnail(context: TrainingContext, example: Example) -> bytes:
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
