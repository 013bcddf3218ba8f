"""Score the test pictures through what serves predictions, and write the report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core import batch, images, intake, model
from core.classifier import Classifier, on_one_thread
from core.dataset import Example, Split
from core.dense import DenseHead
from core.evaluation import evaluate
from core.evaluation.report import Report
from core.run import Run
from core.training.events import Counter
from core.training.features import Features
from core.training.recipe import Recipe


def from_embeddings(
    recipe: Recipe, run: Run, head: DenseHead, found: Mapping[Split, Features]
) -> None:
    """Write the report of a frozen backbone.

    The embeddings are those of the serving model, and a prediction applies the head to them in
    this same way, so the pictures need not pass again.

    Args:
        found: features of the plain view of each split that is scored.
    """
    validation, test = (
        head.probabilities(found[split].embeddings[:, 0]) for split in ("validation", "test")
    )
    _write(recipe, run, validation, test)


def from_pictures(recipe: Recipe, run: Run, validation: np.ndarray) -> None:
    """Write the report of a run whose backbone was trained: the test pictures pass through it.

    Args:
        validation: (n, k), what training found on the validation pictures; it sets the
            temperature, and no score comes from it.
    """
    count = Counter(recipe.emit)

    def build() -> Classifier:
        return model.classifier(
            run.model_folder, recipe.dataset.name, recipe.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> np.ndarray:
        return classifier.answer(classifier.load(recipe.pictures / example.path)).probabilities

    examples = recipe.of("test")
    rows = []
    for probabilities in batch.each(build, examples, ask):
        rows.append(probabilities)
        count("Scoring test pictures", len(rows), len(examples))
    _write(recipe, run, validation, np.stack(rows))


def _write(recipe: Recipe, run: Run, validation: np.ndarray, test: np.ndarray) -> None:
    run.write_thumbnails(_thumbnail(recipe, example) for example in recipe.of("test"))
    run.write_report(_evaluated(recipe, validation, test), test)


def _thumbnail(recipe: Recipe, example: Example) -> bytes:
    """The small picture that was made when the pictures were taken in, or a new one."""
    try:
        return intake.thumbnail(recipe.pictures.parent, example).read_bytes()
    except OSError:
        path = recipe.pictures / example.path
        return images.thumbnail(images.decode(path, shorter_edge=160))


def _evaluated(recipe: Recipe, validation: np.ndarray, test: np.ndarray) -> Report:
    counts = np.bincount(recipe.labels("train"), minlength=len(recipe.dataset.classes))
    return evaluate(
        recipe.labels("test"),
        test,
        recipe.dataset.classes,
        names=[example.name for example in recipe.of("test")],
        validation_labels=recipe.labels("validation"),
        validation_probabilities=validation,
        training_counts=counts.tolist(),
    )
