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
from core.training.calibrated_head import Answering
from core.training.context import Recipe


@dataclass(frozen=True)
class Tested:
    """What the model made of the test pictures besides its answers.

    Attributes:
        embeddings: (n, d) float32.
        heatmaps: (n, 2, h, w) uint8, as `heatmap.packed` makes them; None before anybody looked.
    """

    embeddings: np.ndarray
    heatmaps: np.ndarray | None = None


def from_embeddings(
    recipe: Recipe, run: Run, answering: Answering, embeddings: np.ndarray
) -> Tested:
    """Write the report of a frozen backbone.

    The embeddings are those of the serving model, and a prediction applies the head to them in
    this same way, so the pictures need not pass again.

    Args:
        embeddings: (n, d) float32 of the test pictures.
    """
    _write(recipe, run, answering, answering.head.probabilities(embeddings), embeddings)
    return Tested(embeddings)


def from_pictures(recipe: Recipe, run: Run, answering: Answering) -> Tested:
    """Write the report of a run whose backbone was trained: the test pictures pass through it."""
    probabilities, tested = look(recipe, run, "Scoring test pictures")
    _write(recipe, run, answering, probabilities, tested.embeddings)
    return tested


def look(recipe: Recipe, run: Run, what: str) -> tuple[np.ndarray, Tested]:
    """Show the test pictures to the run's model, as a visitor would.

    Args:
        what: what to call it while it goes on.

    Returns:
        Probabilities (n, k) float32, and the rest.
    """
    count = Counter(recipe.emit)

    def build() -> Classifier:
        return storage.classifier(
            run.model_folder, recipe.dataset.name, recipe.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answer = classifier.answer(classifier.load(recipe.pictures / example.path))
        seen = classifier.heatmaps(answer, (int(answer.probabilities.argmax()), example.label))
        return answer.probabilities, answer.embedding, heatmap.packed(seen)

    examples = recipe.of("test")
    rows = []
    for row in batch.each(build, examples, ask):
        rows.append(row)
        count(what, len(rows), len(examples))
    probabilities, embeddings, heatmaps = (np.stack(part) for part in zip(*rows, strict=True))
    return probabilities, Tested(embeddings, heatmaps)


def _write(
    recipe: Recipe,
    run: Run,
    answering: Answering,
    probabilities: np.ndarray,
    embeddings: np.ndarray,
) -> None:
    run.write_thumbnails(_thumbnail(recipe, example) for example in recipe.of("test"))
    report = _evaluated(recipe, answering, probabilities, embeddings)
    run.write_report(report, probabilities)


def _thumbnail(recipe: Recipe, example: Example) -> bytes:
    """The small picture that was made when the pictures were taken in, or a new one."""
    try:
        return intake.thumbnail(recipe.pictures.parent, example).read_bytes()
    except OSError:
        path = recipe.pictures / example.path
        return images.thumbnail(images.decode(path, shorter_edge=160))


def _evaluated(
    recipe: Recipe, answering: Answering, probabilities: np.ndarray, embeddings: np.ndarray
) -> Report:
    counts = np.bincount(recipe.labels("train"), minlength=len(recipe.dataset.classes))
    without = None if answering.temperature is None else answering.raw.probabilities(embeddings)
    return evaluate(
        recipe.labels("test"),
        probabilities,
        recipe.dataset.classes,
        names=[example.name for example in recipe.of("test")],
        temperature=answering.temperature,
        uncalibrated=without,
        validation=answering.validation,
        training_counts=counts.tolist(),
    )
