"""The model card: training data, evaluation and limits of a model, as Markdown."""

import time
from importlib import metadata
from platform import python_version
from typing import Any

from core import __version__, backbones
from core.dataset import Dataset, Split, splitting
from core.evaluation import Report, browsing, calibration, describe, prediction_sets, wording
from core.evaluation.report import Threshold
from core.evaluation.wording import figures
from core.export import programs
from core.runs.run import Run
from core.system import markdown, prose
from core.training import outcome

FEW = 10
"""With fewer test pictures of a class, its figures are called uncertain."""
NAMED, WORST, MISTAKES = 12, 3, 3
"""How many classes with few pictures, worst classes and mistakes are listed."""
PHASES = {"head": "Training the head", "fine-tune": "Fine-tuning"}
PACKAGES = ("tensorflow", "tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "scikit-learn")
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class RunDetails:
    """The details of a complete run that a card or an HTML report shows.

    Attributes:
        version: of Tusker that trained it; empty if before 1.0.
        seconds: from the first picture to the report.
        backbone: None if this version of Tusker does not know it.
        choices: what the training chose and kept, in sentences.
        failed: what could not be done after the report, as sentences.
        counts: of each class, its name and its training, validation and test pictures.
        split_sizes: number of training, validation and test pictures.
        near_duplicates: number of pictures that look the same as another one.
        divided_duplicates: number of those whose duplicate is in another split.
        origin: the run whose training was repeated. Never show its id: it is a permission.
        prediction_sets, threshold: in force, as on the test pictures; None if off.
        undefined: which figures of classes are undefined, as a sentence; empty if none.
        worst: classes with the lowest recall below 1.
        few: classes with fewer than `FEW` test pictures.
    """

    def __init__(self, run: Run) -> None:
        """Raises RunDamaged if the run is not complete, or one of its files cannot be read."""
        manifest = run.manifest()
        self.day, self.seconds = _day(manifest.completed_at), manifest.seconds
        self.version = manifest.tusker
        self.report, self.dataset, self.config = run.report(), run.dataset(), run.config()
        self.title = run.annotations().name or self.dataset.name
        name = self.config.backbone
        self.backbone = backbones.get(name) if backbones.known(name) else None
        self.fine_tuned = run.fine_tuned
        effective = self.config if self.fine_tuned else self.config.without_fine_tuning()
        self.views = effective.augmentation.views
        counts = [self.dataset.counts(split) for split in SPLITS]
        self.counts = tuple(zip(self.dataset.classes, *counts, strict=True))
        self.split_sizes = tuple(map(sum, counts))
        self.near_duplicates, self.divided_duplicates = _near_duplicates(self.dataset)
        self.inflation = run.inflation()
        self.origin, self.findings = run.origin(), run.findings()
        self.label_issues = run.label_issues()
        self.choices, self.failed = describe_choices(run), run.failed_steps
        self.threshold = _threshold(run, self.report)
        self.prediction_sets = prediction_sets.level_used(
            self.report.certainty.sets, run.annotations().level
        )
        scores = self.report.per_class
        recalls = [(score.recall.value, score) for score in scores if score.recall]
        missed = sorted((pair for pair in recalls if pair[0] < 1), key=lambda pair: pair[0])
        self.undefined = wording.undefined(self.report)
        self.worst = tuple(score for _, score in missed[:WORST])
        self.few = tuple(score for score in scores if score.support < FEW)
        self.ood_scores, self.footprint = run.ood_scores(), run.footprint()
        self.learning_curve = run.learning_curve()


def card(run: Run, details: RunDetails | None = None) -> str:
    """The model card of a complete run, as Markdown. Raises as `RunDetails`.

    Args:
        details: those of the run, if they were gathered already.
    """
    details = details or RunDetails(run)
    environment = programs.environment(finalize=_escaped)
    environment.filters |= {
        "figure": lambda estimate: _Trusted(describe(estimate)),
        "trusted": _Trusted,
        "share": lambda value: _Trusted(wording.share(value)),
        "duration": prose.duration,
        "fixed": lambda value, digits: _Trusted(f"{value:.{digits}f}"),
    }
    return environment.get_template("card.md.j2").render(
        vars(details),
        few_limit=FEW,
        mistakes=details.report.confusion.worst[:MISTAKES],
        named=NAMED,
        width=_Trusted("between {1} and {2} %".format(*figures(details.report.accuracy))),
        versions=_versions(),
    )


def describe_choices(run: Run) -> list[str]:
    """The choices of backbone and features, and which epoch each phase kept, in sentences."""
    solved = {epoch.phase for epoch in run.epochs() if epoch.unit == "iteration"}
    choices = run.backbone_choice(), run.feature_choice()
    sentences = [choice.sentence for choice in choices if choice is not None]
    for kept in run.kept():
        if kept.phase == "fine-tune":
            sentences.append(outcome.describe(kept))
            continue
        if kept.phase in solved:
            which = f"solved as a logistic regression in {kept.epoch} iterations"
        elif kept.epoch:
            which = f"epoch {kept.epoch} was kept"
        else:
            which = "no epoch was better than the start, which was kept"
        sentences.append(
            f"{PHASES[kept.phase]}: {which}, with a validation loss of "
            f"{kept.validation_loss:.3f} and a validation accuracy of "
            f"{wording.percent(kept.validation_accuracy)}."
        )
    return sentences


class _Trusted(str):
    """Text without names from outside, which needs no escaping."""


def _escaped(value: Any) -> str:
    """A value in the template: names with Markdown escaped, numbers with commas."""
    if isinstance(value, _Trusted):
        return value
    return f"{value:,}" if isinstance(value, int) else markdown.escaped(str(value))


def _near_duplicates(dataset: Dataset) -> tuple[int, int]:
    examples = dataset.examples
    units = splitting.units_of(examples, range(len(examples)), chosen=False)
    groups = [group for group in units if len(group) > 1]
    divided = [group for group in groups if len({examples[i].split for i in group}) > 1]
    return sum(map(len, groups)), sum(map(len, divided))


def _threshold(run: Run, report: Report) -> Threshold | None:
    annotations = run.annotations()
    if not annotations.threshold:
        return None
    for choice in report.certainty.choices:
        if choice.value == annotations.threshold:
            return choice
    rows = browsing.rows(report, None)
    groups = splitting.groups(run.dataset().of("test"), bursts=True)
    return calibration.at_threshold(
        rows.probability, ~rows.correct, groups, annotations.threshold, annotations.target_coverage
    )


def _day(seconds: float) -> str:
    at = time.localtime(seconds)
    return f"{at.tm_mday} {time.strftime('%B %Y', at)}"


def _versions() -> _Trusted:
    """Versions of Tusker and of the packages installed here, which are not imported for it."""
    versions = [
        f"Tusker {__version__}",
        f"Python {python_version()}",
        f"report format {Report.model_fields['version'].default}",
    ]
    for name in PACKAGES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return _Trusted(", ".join(versions))
