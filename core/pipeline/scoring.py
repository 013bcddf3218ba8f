"""Score the test pictures through what serves predictions, and write the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import images, intake
from core.dataset import Example
from core.evaluation import evaluate
from core.evaluation.report import Report
from core.jobs.events import Counter
from core.model import batch, heatmap, storage
from core.model.classifier import Classifier, on_one_thread
from core.runs.run import Run
from core.training.calibrated_head import CalibratedHead
from core.training.context import TrainingContext


@dataclass(frozen=True)
class TestOutputs:
    """What the model made of the test pictures besides its answers.

    Attributes:
        embeddings: (n, d) float32.
        heatmaps: (n, 2, h, w) uint8, as `heatmap.packed` makes them; None before anybody looked.
    """

    embeddings: np.ndarray
    heatmaps: np.ndarray | None = None


def from_embeddings(
    context: TrainingContext, run: Run, answering: CalibratedHead, embeddings: np.ndarray
) -> TestOutputs:
    """Write the report of a frozen backbone.

    The embeddings are those of the serving model, and a prediction applies the head to them in
    this same way, so the pictures need not pass again.

    Args:
        embeddings: (n, d) float32 of the test pictures.
    """
    _write(context, run, answering, answering.head.probabilities(embeddings), embeddings)
    return TestOutputs(embeddings)


def from_pictures(context: TrainingContext, run: Run, answering: CalibratedHead) -> TestOutputs:
    """Write the report of a run whose backbone was trained: the test pictures pass through it."""
    probabilities, tested = predict_test(context, run, "Scoring test pictures")
    _write(context, run, answering, probabilities, tested.embeddings)
    return tested


def predict_test(context: TrainingContext, run: Run, what: str) -> tuple[np.ndarray, TestOutputs]:
    """Show the test pictures to the run's model, as a visitor would.

    Args:
        what: what to call it while it goes on.

    Returns:
        Probabilities (n, k) float32, and the rest.
    """
    count = Counter(context.emit)

    def build() -> Classifier:
        return storage.classifier(
            run.model_folder, context.dataset.name, context.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answer = classifier.answer(classifier.load(context.pictures / example.path))
        seen = classifier.heatmaps(answer, (int(answer.probabilities.argmax()), example.label))
        return answer.probabilities, answer.embedding, heatmap.packed(seen)

    examples = context.of("test")
    rows = []
    for row in batch.each(build, examples, ask):
        rows.append(row)
        count(what, len(rows), len(examples))
    probabilities, embeddings, heatmaps = (np.stack(part) for part in zip(*rows, strict=True))
    return probabilities, TestOutputs(embeddings, heatmaps)


def _write(
    context: TrainingContext,
    run: Run,
    answering: CalibratedHead,
    probabilities: np.ndarray,
    embeddings: np.ndarray,
) -> None:
    run.write_thumbnails(_thumbnail(context, example) for example in context.of("test"))
    report = _evaluated(context, answering, probabilities, embeddings)
    run.write_report(report, probabilities)


def _thumbnail(context: TrainingContext, example: Example) -> bytes:
    """The small picture that was made when the pictures were taken in, or a new one."""
    try:
        return intake.thumbnail(context.pictures.parent, example).read_bytes()
    except OSError:
        path = context.pictures / example.path
        return images.thumbnail(images.decode(path, shorter_edge=160))


def _evaluated(
    context: TrainingContext,
    answering: CalibratedHead,
    probabilities: np.ndarray,
    embeddings: np.ndarray,
) -> Report:
    counts = np.bincount(context.labels("train"), minlength=len(context.dataset.classes))
    without = None if answering.temperature is None else answering.raw.probabilities(embeddings)
    return evaluate(
        context.labels("test"),
        probabilities,
        context.dataset.classes,
        names=[example.name for example in context.of("test")],
        temperature=answering.temperature,
        uncalibrated=without,
        validation=answering.validation,
        training_counts=counts.tolist(),
    )
