"""What follows a finished report: doubted labels, more pictures, novelty, heat maps, exports."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np

from core import images
from core.backbones import costs, serving
from core.dataset import Example
from core.errors import Cancelled, TuskerError
from core.estimating import cost_model, estimate, measurements
from core.evaluation import intervals
from core.evaluation.report import Footprint, Unlike
from core.jobs.events import EXPORTS_BEGIN, Counter, Note
from core.model import appearance, batch, ood, storage
from core.model.classifier import Classifier, on_one_thread, opened
from core.pipeline import scoring
from core.pipeline.scoring import Tested
from core.runs.run import Run
from core.settings import MEGABYTE
from core.system import threads
from core.training import cross_validation
from core.training.context import Recipe

logger = logging.getLogger(__name__)

ENOUGH = 1_000
"""Pictures that a novelty detector is fitted to, where they must be looked at for it."""
TIMED = 15
"""Test pictures whose answers are timed."""


@dataclass(frozen=True)
class Seen:
    """What is known of the plain pictures when the report is written.

    Attributes:
        train, validation: (n, d) float32, embeddings by the frozen backbone.
        tested: what the run's own model made of the test pictures.
    """

    train: np.ndarray
    validation: np.ndarray
    tested: Tested


def follow(recipe: Recipe, run: Run, seen: Seen) -> None:
    """Do what the report does not need: it stands whether or not this succeeds.

    Raises:
        Cancelled: somebody asked to stop.
    """
    steps: tuple[tuple[str, Callable[[Recipe, Run, Seen], None]], ...] = (
        ("Wrong labels could not be looked for", _doubt),
        ("The learning curve could not be drawn", _ask),
        ("Unknown pictures could not be told apart", _tell_unlike),
        ("How its pictures look could not be kept", _remember_looks),
        ("Heat maps could not be drawn", _draw),
        ("Its speed could not be measured", _measure),
        ("The files to download could not be made", export),
    )
    for failure, step in steps:
        attempt(recipe, failure, partial(step, recipe, run, seen))


def attempt(recipe: Recipe, failure: str, work: Callable[[], None]) -> None:
    """Do a piece of work, and say so if it fails. Only `Cancelled` is raised."""
    try:
        work()
    except Cancelled:
        raise
    except TuskerError as refusal:
        recipe.emit(Note(sentence=f"{failure}: {refusal}"))
    except Exception:
        logger.exception(failure)
        recipe.emit(Note(sentence=f"{failure}; the log says why."))


def _doubt(recipe: Recipe, run: Run, seen: Seen) -> None:
    """List training pictures whose label is likely wrong, with a small picture of each."""
    from core.checks.labels import suspects

    recipe.emit(Note(sentence="Looking for labels that may be wrong."))
    examples = recipe.of("train")
    names = [example.name for example in examples]
    found = suspects(seen.train, recipe.labels("train"), names, seed=recipe.config.seed)
    paths = {example.name: recipe.pictures / example.path for example in examples}
    small = (images.thumbnail(images.decode(paths[one.name], shorter_edge=160)) for one in found)
    run.write_suspects(found, small)


def _ask(recipe: Recipe, run: Run, seen: Seen) -> None:
    """Find out whether more pictures would help."""
    recipe.emit(Note(sentence="Working out whether more pictures would help."))
    examples = [*recipe.of("train"), *recipe.of("validation")]
    run.write_learning_curve(
        cross_validation.learning_curve(
            np.concatenate([seen.train, seen.validation]),
            np.concatenate([recipe.labels("train"), recipe.labels("validation")]),
            cross_validation.groups(examples),
            recipe.dataset.classes,
            recipe.config.seed,
        )
    )


def _tell_unlike(recipe: Recipe, run: Run, seen: Seen) -> None:
    """Fit what tells pictures apart that are unlike those it saw, and try it on the test pictures.

    Embeddings must come from the network that will answer. Where it was fine-tuned, those kept are
    of another, so some pictures pass through it.
    """
    recipe.emit(Note(sentence="Learning what its pictures have in common."))
    examples = [*recipe.of("train"), *recipe.of("validation")]
    labels = np.concatenate([recipe.labels("train"), recipe.labels("validation")])
    if storage.load(run.model_folder)[0].fine_tuned:
        some = ood.chosen(labels, ENOUGH)
        examples, labels = [examples[i] for i in some], labels[some]
        embeddings = _embeddings(recipe, run, examples)
    else:
        embeddings = np.concatenate([seen.train, seen.validation])
    found = ood.fit(embeddings, labels, cross_validation.groups(examples))
    if found is None:
        return
    storage.save_novelty(run.model_folder, found)
    strangeness = found.strangeness(seen.tested.embeddings)
    flagged = int((strangeness > 1).sum())
    run.write_unlike(
        Unlike(
            strangeness=tuple(np.round(strangeness.astype(float), 4).tolist()),
            false_alarms=intervals.proportion(flagged, len(strangeness)),
        )
    )


def _remember_looks(recipe: Recipe, run: Run, _: Seen) -> None:
    """Measure how training pictures look, by which a camera can be checked later."""
    recipe.emit(Note(sentence="Measuring light, colour and sharpness of its pictures."))
    examples = recipe.of("train")
    some = np.random.default_rng(0).permutation(len(examples))[: appearance.MOST].tolist()

    def measure(at: int) -> appearance.Measures:
        path = recipe.pictures / examples[at].path
        seen = images.load(path, recipe.backbone.size, recipe.config.crop)
        return appearance.measure(appearance.sent(seen))

    lanes = threads.cores()
    found = threads.results(measure, some, threads=lanes, most=4 * lanes, name="measure")
    if (kept := appearance.summarise(list(found))) is not None:
        storage.save_looks(run.model_folder, kept)


def _embeddings(recipe: Recipe, run: Run, examples: list[Example]) -> np.ndarray:
    """What the run's model makes of pictures, (n, d) float32."""
    count, found = Counter(recipe.emit), []

    def build() -> Classifier:
        return storage.classifier(
            run.model_folder, recipe.dataset.name, recipe.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> np.ndarray:
        return classifier.answer(classifier.load(recipe.pictures / example.path)).embedding

    for embedding in batch.each(build, examples, ask):
        found.append(embedding)
        count("Learning what its pictures have in common", len(found), len(examples))
    return np.stack(found)


def _draw(recipe: Recipe, run: Run, seen: Seen) -> None:
    """Keep where the model looked in each test picture."""
    tested = seen.tested
    if tested.heatmaps is None:
        tested = scoring.look(recipe, run, "Drawing heat maps")[1]
    assert tested.heatmaps is not None
    run.write_heatmaps(tested.heatmaps)


def _measure(recipe: Recipe, run: Run, _: Seen) -> None:
    """Time the model as a visitor will meet it, and weigh it."""
    saved, arrays = storage.load(run.model_folder)
    file = run.model_folder / storage.SERVING
    if not saved.fine_tuned:
        file = serving.required(recipe.backbone, recipe.settings)
    asked = storage.classifier(run.model_folder, recipe.dataset.name, recipe.settings, opened)
    views = [asked.load(recipe.pictures / e.path) for e in recipe.of("test")[:TIMED]]
    seconds = [asked.answer(view).seconds for view in [views[0], *views]][1:]
    below = sum(stage.parameters for stage in costs.of(recipe.backbone))  # in millions
    head = sum(array.size for name, array in arrays.items() if name.startswith("head."))
    read = file.stat().st_size + (run.model_folder / storage.WEIGHTS).stat().st_size
    run.write_footprint(
        Footprint(
            milliseconds=1000 * median(seconds),
            megabytes=read / MEGABYTE,
            parameters=round(1e6 * below) + head,
        )
    )


def export(recipe: Recipe, run: Run, _: Seen | None = None) -> None:
    """Make the files to take away."""
    recipe.emit(Note(sentence=EXPORTS_BEGIN))
    estimate.check_exports(recipe.config)
    from core.export import build as making

    began = _processor_seconds()
    making.make(run, recipe.pictures, recipe.settings, recipe.emit)
    key = cost_model.exports_key(recipe.config, recipe.settings)
    measurements.remember(recipe.settings, key, _processor_seconds() - began)


def _processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])
