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
from core.evaluation import folds, intervals
from core.evaluation.report import Footprint, OodScores
from core.jobs.events import EXPORTS_BEGIN, Counter, Note
from core.model import appearance, batch, ood, storage
from core.model.classifier import Classifier, on_one_thread, opened
from core.pipeline import scoring
from core.pipeline.scoring import TestOutputs
from core.runs.run import Run
from core.settings import MEGABYTE
from core.system import threads
from core.training import cross_validation
from core.training.context import TrainingContext

logger = logging.getLogger(__name__)

ENOUGH = 1_000
"""Pictures that a novelty detector is fitted to, where they must be looked at for it."""
TIMED = 15
"""Test pictures whose answers are timed."""


@dataclass(frozen=True)
class TrainingOutputs:
    """What is known of the plain pictures when the report is written.

    Attributes:
        train, validation: (n, d) float32, embeddings by the frozen backbone.
        tested: what the run's own model made of the test pictures.
    """

    train: np.ndarray
    validation: np.ndarray
    tested: TestOutputs


def finish(context: TrainingContext, run: Run, seen: TrainingOutputs) -> None:
    """Do what the report does not need: it stands whether or not this succeeds.

    Raises:
        Cancelled: somebody asked to stop.
    """
    steps: tuple[tuple[str, Callable[[TrainingContext, Run, TrainingOutputs], None]], ...] = (
        ("Wrong labels could not be looked for", _doubt),
        ("The learning curve could not be drawn", _ask),
        ("Unknown pictures could not be told apart", _tell_unlike),
        ("How its pictures look could not be kept", _remember_looks),
        ("Heat maps could not be drawn", _draw),
        ("Its speed could not be measured", _measure),
        ("The files to download could not be made", export),
    )
    for failure, step in steps:
        attempt(context, failure, partial(step, context, run, seen))


def attempt(context: TrainingContext, failure: str, work: Callable[[], None]) -> None:
    """Do a piece of work, and say so if it fails. Only `Cancelled` is raised."""
    try:
        work()
    except Cancelled:
        raise
    except TuskerError as refusal:
        context.emit(Note(sentence=f"{failure}: {refusal}"))
    except Exception:
        logger.exception(failure)
        context.emit(Note(sentence=f"{failure}; the log says why."))


def _doubt(context: TrainingContext, run: Run, seen: TrainingOutputs) -> None:
    """List training pictures whose label is likely wrong, with a small picture of each."""
    from core.checks import labels as checks

    context.emit(Note(sentence="Looking for labels that may be wrong."))
    examples, labels = context.of("train"), context.labels("train")
    groups = cross_validation.groups(examples)
    found: tuple[checks.LabelIssue, ...] = ()
    if folds.feasible(labels, groups, folds.MINIMUM) == folds.MINIMUM:
        probabilities = cross_validation.out_of_fold(
            seen.train, labels, groups, context.config.seed, strength=checks.STRENGTH
        )
        names = [example.name for example in examples]
        found = checks.find_label_issues(probabilities, labels, names)
    paths = {example.name: context.pictures / example.path for example in examples}
    small = (images.thumbnail(images.decode(paths[one.name], shorter_edge=160)) for one in found)
    run.write_label_issues(found, small)


def _ask(context: TrainingContext, run: Run, seen: TrainingOutputs) -> None:
    """Find out whether more pictures would help."""
    context.emit(Note(sentence="Working out whether more pictures would help."))
    examples = [*context.of("train"), *context.of("validation")]
    run.write_learning_curve(
        cross_validation.learning_curve(
            np.concatenate([seen.train, seen.validation]),
            np.concatenate([context.labels("train"), context.labels("validation")]),
            cross_validation.groups(examples),
            context.dataset.classes,
            context.config.seed,
        )
    )


def _tell_unlike(context: TrainingContext, run: Run, seen: TrainingOutputs) -> None:
    """Fit what tells pictures apart that are unlike those it saw, and try it on the test pictures.

    Embeddings must come from the network that will answer. Where it was fine-tuned, those kept are
    of another, so some pictures pass through it.
    """
    context.emit(Note(sentence="Learning what its pictures have in common."))
    examples = [*context.of("train"), *context.of("validation")]
    labels = np.concatenate([context.labels("train"), context.labels("validation")])
    if storage.load(run.model_folder)[0].fine_tuned:
        some = ood.chosen(labels, ENOUGH)
        examples, labels = [examples[i] for i in some], labels[some]
        embeddings = _embeddings(context, run, examples)
    else:
        embeddings = np.concatenate([seen.train, seen.validation])
    found = ood.fit(embeddings, labels, cross_validation.groups(examples))
    if found is None:
        return
    storage.save_ood_detector(run.model_folder, found)
    ood_score = found.ood_score(seen.tested.embeddings)
    flagged = int((ood_score > 1).sum())
    run.write_ood_scores(
        OodScores(
            scores=tuple(np.round(ood_score.astype(float), 4).tolist()),
            false_alarms=intervals.proportion(flagged, len(ood_score)),
        )
    )


def _remember_looks(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Measure how training pictures look, by which a camera can be checked later."""
    context.emit(Note(sentence="Measuring light, colour and sharpness of its pictures."))
    examples = context.of("train")
    some = np.random.default_rng(0).permutation(len(examples))[: appearance.MOST].tolist()

    def measure(at: int) -> appearance.Measures:
        path = context.pictures / examples[at].path
        seen = images.load(path, context.backbone.size, context.config.crop)
        return appearance.measure(appearance.as_camera_frame(seen))

    lanes = threads.cores()
    found = threads.map_ordered(measure, some, threads=lanes, most=4 * lanes, name="measure")
    if (kept := appearance.summarise(list(found))) is not None:
        storage.save_appearance(run.model_folder, kept)


def _embeddings(context: TrainingContext, run: Run, examples: list[Example]) -> np.ndarray:
    """What the run's model makes of pictures, (n, d) float32."""
    count, found = Counter(context.emit), []

    def build() -> Classifier:
        return storage.classifier(
            run.model_folder, context.dataset.name, context.settings, on_one_thread
        )

    def ask(classifier: Classifier, example: Example) -> np.ndarray:
        return classifier.answer(classifier.load(context.pictures / example.path)).embedding

    for embedding in batch.each(build, examples, ask):
        found.append(embedding)
        count("Learning what its pictures have in common", len(found), len(examples))
    return np.stack(found)


def _draw(context: TrainingContext, run: Run, seen: TrainingOutputs) -> None:
    """Keep where the model looked in each test picture."""
    tested = seen.tested
    if tested.heatmaps is None:
        tested = scoring.predict_test(context, run, "Drawing heat maps")[1]
    assert tested.heatmaps is not None
    run.write_heatmaps(tested.heatmaps)


def _measure(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Time the model as a visitor will meet it, and weigh it."""
    saved, arrays = storage.load(run.model_folder)
    file = run.model_folder / storage.SERVING
    if not saved.fine_tuned:
        file = serving.required(context.backbone, context.settings)
    asked = storage.classifier(run.model_folder, context.dataset.name, context.settings, opened)
    views = [asked.load(context.pictures / e.path) for e in context.of("test")[:TIMED]]
    seconds = [asked.answer(view).seconds for view in [views[0], *views]][1:]
    below = sum(stage.parameters for stage in costs.of(context.backbone))  # in millions
    head = sum(array.size for name, array in arrays.items() if name.startswith("head."))
    read = file.stat().st_size + (run.model_folder / storage.WEIGHTS).stat().st_size
    run.write_footprint(
        Footprint(
            milliseconds=1000 * median(seconds),
            megabytes=read / MEGABYTE,
            parameters=round(1e6 * below) + head,
        )
    )


def export(context: TrainingContext, run: Run, _: TrainingOutputs | None = None) -> None:
    """Make the files to take away."""
    context.emit(Note(sentence=EXPORTS_BEGIN))
    estimate.check_exports(context.config)
    from core.export import build as making

    began = _processor_seconds()
    making.build_all(run, context.pictures, context.settings, context.emit)
    key = cost_model.exports_key(context.config, context.settings)
    measurements.remember(context.settings, key, _processor_seconds() - began)


def _processor_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])
