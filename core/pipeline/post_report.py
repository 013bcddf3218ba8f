"""After the report: OOD detector, LiteRT file, label issues, learning curve, heat maps, speed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

from core.dataset import Example, splitting
from core.errors import Cancelled, TuskerError
from core.evaluation import folds, intervals
from core.evaluation.report import Footprint, OodScores
from core.jobs import workers
from core.model import appearance, ood, storage
from core.model.classifier import on_two_threads
from core.pipeline import scoring
from core.runs.run import Run
from core.settings import MEGABYTE
from core.system import threads
from core.training import cross_validation
from core.training.context import LEARNED, TrainingContext

logger = logging.getLogger(__name__)

OOD_PICTURES = 1_000
"""Most pictures that the OOD detector of a fine-tuned run is fitted to."""
TIMED = 15
"""Test pictures whose predictions are timed."""


@dataclass(frozen=True)
class TrainingOutputs:
    """Embeddings and heat maps that the steps after the report need.

    Attributes:
        learned: (m, d) float32, embeddings of the plain training and validation pictures, in this
            order, by the frozen backbone.
        test: (n, d) float32, embeddings of the test pictures by the run's model.
        heatmaps: of the test pictures, as returned by `scoring.predict_test`; None if not computed.
        tuned: (s, d) float32, embeddings by the run's model of the training and validation
            pictures that `ood.balanced_sample` selects; None if the backbone did not change.
    """

    learned: np.ndarray
    test: np.ndarray
    heatmaps: np.ndarray | None = None
    tuned: np.ndarray | None = None


def finish(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """Run the steps that a report does not need. A step that fails does not stop the others.

    Raises:
        Cancelled: the job was cancelled.
    """
    steps: tuple[tuple[str, Callable[[TrainingContext, Run, TrainingOutputs], None]], ...] = (
        ("The speed of the model could not be measured", measure_footprint),
        ("The next training has to wait", give_way),
        ("Copies of the training pictures cannot be detected", keep_fingerprints),
        # Before the export, which is verified with it.
        ("Pictures unlike the training pictures cannot be detected", fit_ood),
        ("The file to download could not be made", export),
        ("Wrong labels could not be looked for", find_label_issues),
        ("The learning curve could not be drawn", learning_curve),
        ("The effect of groups on the score could not be measured", measure_inflation),
        ("The appearance of the training pictures could not be measured", measure_appearance),
        ("Heat maps could not be drawn", draw_heatmaps),
    )
    for failure, step in steps:
        try:
            step(context, run, outputs)
        except Cancelled:
            raise
        except TuskerError as error:
            context.say(f"{failure}: {error}", lasting=step is not give_way)
        except Exception:
            logger.exception(failure)
            context.say(f"{failure}; the log says why.", lasting=step is not give_way)


def give_way(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Let the next training start beside the other steps."""
    workers.give_way(run.job, context.settings)


def keep_fingerprints(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Keep the fingerprints of the pictures that the model learned from, to recognise copies."""
    run.keep_fingerprints(context.pictures)


def export(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Make and verify the LiteRT file, without TensorFlow; other formats are made on demand."""
    from core.export import build, formats

    forms = formats.named(["litert"])
    build.export(run, forms, context.pictures, context.settings, context.emit)


def find_label_issues(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """List training pictures whose label is likely wrong, each with a thumbnail."""
    from core.checks import labels as checks

    context.say("Looking for labels that may be wrong.")
    examples, labels = context.of("train"), context.labels("train")
    groups = splitting.groups(examples)
    issues: tuple[checks.LabelIssue, ...] = ()
    if folds.feasible(labels, groups, folds.MINIMUM) == folds.MINIMUM:
        probabilities = cross_validation.out_of_fold(
            outputs.learned[: len(labels)],
            labels,
            groups,
            context.config.seed,
            strength=checks.STRENGTH,
        )
        names = [example.name for example in examples]
        issues = checks.find_label_issues(probabilities, labels, names)
    by_name = {example.name: example for example in examples}
    thumbnails = (scoring.thumbnail(context, by_name[issue.name]) for issue in issues)
    run.write_label_issues(issues, thumbnails)


def learning_curve(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """Estimate whether more pictures would help."""
    context.say("Working out whether more pictures would help.")
    run.learning_curve.write(
        cross_validation.learning_curve_of(
            outputs.learned,
            context.labels(*LEARNED),
            splitting.groups(context.of(*LEARNED)),
            context.dataset.classes,
            context.config.seed,
        )
    )


def measure_inflation(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """Measure by how much a split that divides the chosen groups would have inflated the score."""
    if not context.dataset.grouped_by:
        return
    context.say("Measuring how much better an ordinary split would have looked.")
    examples = context.of(*LEARNED)
    run.inflation.write(
        cross_validation.inflation_of(
            outputs.learned,
            context.labels(*LEARNED),
            splitting.groups(examples),
            splitting.groups(examples, chosen=False),
            context.config.seed,
            weighted=context.config.class_weights,
        )
    )


def fit_ood(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """Fit the OOD detector, and score the test pictures with it.

    Its embeddings must come from the network of the final model.
    """
    context.say("Learning to recognise pictures that are not like the training pictures.")
    labels, groups = context.labels(*LEARNED), splitting.groups(context.of(*LEARNED))
    embeddings = outputs.learned[:, : context.backbone.embedding]
    if outputs.tuned is not None:
        chosen = ood.balanced_sample(labels, OOD_PICTURES)
        embeddings, labels, groups = outputs.tuned, labels[chosen], groups[chosen]
    detector = ood.fit(embeddings, labels, groups)
    if detector is None:
        return
    storage.save_ood_detector(run.model_folder, detector)
    scores = detector.ood_score(outputs.test)
    test_groups = splitting.groups(context.of("test"), bursts=True)
    run.ood_scores.write(
        OodScores(
            scores=tuple(np.round(scores.astype(float), 4).tolist()),
            false_alarms=intervals.share(scores > 1, test_groups),
        )
    )


def measure_appearance(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Measure light, colour and sharpness of training pictures, to check a camera against later."""
    context.say("Measuring light, colour and sharpness of the training pictures.")
    examples = context.of("train")
    order = np.random.default_rng(0).permutation(len(examples))[: appearance.SAMPLED].tolist()
    chosen = [examples[index] for index in order]

    def measure(example: Example) -> appearance.Measures:
        return appearance.measure(appearance.as_camera_frame(context.plain_view(example)))

    cores = threads.cores()
    measures = threads.map_ordered(measure, chosen, threads=cores, most=4 * cores, name="measure")
    if (summary := appearance.summarise(list(measures))) is not None:
        storage.save_appearance(run.model_folder, summary)


def draw_heatmaps(context: TrainingContext, run: Run, outputs: TrainingOutputs) -> None:
    """Write the heat maps of the test pictures."""
    heatmaps = outputs.heatmaps
    if heatmaps is None:
        heatmaps = scoring.predict_test(context, run, "Drawing heat maps")[2]
    run.write_heatmaps(heatmaps)


def measure_footprint(context: TrainingContext, run: Run, _: TrainingOutputs) -> None:
    """Measure the time of a prediction and the size of the model."""
    saved, arrays = storage.load(run.model_folder)
    serving_model = storage.serving_model(run.model_folder, saved, context.settings)
    classifier = storage.classifier(
        run.model_folder, context.dataset.name, context.settings, on_two_threads
    )
    paths = [context.pictures / example.path for example in context.of("test")[:TIMED]]
    views = [classifier.load(path) for path in paths]
    classifier.answer(views[0])  # the first one sets the interpreter up
    top = 1000 * (context.backbone.embedding + 1)  # the classifier of ImageNet
    head = sum(array.size for name, array in arrays.items() if name.startswith("head."))
    size = serving_model.stat().st_size + (run.model_folder / storage.WEIGHTS).stat().st_size
    run.footprint.write(
        Footprint(
            milliseconds=1000 * median(classifier.answer(view).seconds for view in views),
            megabytes=size / MEGABYTE,
            parameters=context.backbone.parameters - top + head,
        )
    )
