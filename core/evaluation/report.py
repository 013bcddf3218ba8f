"""The report on a model: figures with intervals, as frozen types that convert to JSON and back."""

from typing import Final, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, model_validator

from core.settings import MEGABYTE
from core.system import prose

VERSION: Final = 2
"""Increases whenever a field is added or removed or changes its meaning."""


class ReportPart(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Base of all parts of a report."""


class Estimate(ReportPart):
    """A figure with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"expected low <= value <= high, found {self!r}")
        return self


class Averages(ReportPart):
    """Precision, recall and F1 over all classes that have pictures or predictions."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


class ClassScore(ReportPart):
    """Figures of one class; None for 0 / 0.

    `support` counts the pictures of the class, `predicted` its predictions.
    """

    name: str
    support: int
    predicted: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


class Baseline(ReportPart):
    """A model that always predicts `label`, and the gain of the evaluated model over it."""

    label: int
    accuracy: Estimate
    gain: Estimate


class Mistake(ReportPart):
    """Pictures of class `label` predicted as `predicted`; `share` is of that class."""

    label: int
    predicted: int
    count: int
    share: float


class Confusion(ReportPart):
    """Counts by actual class (rows) and predicted class (columns), in the order of `classes`.

    `order` lists the classes so that confused classes are neighbours, `worst` the most common
    mistakes.
    """

    counts: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    worst: tuple[Mistake, ...]


class Choice(NamedTuple):
    """A class and its probability."""

    label: int
    probability: float


class Prediction(ReportPart):
    """Prediction for one picture; `top` has all classes up to 20, otherwise the best 5."""

    name: str
    label: int
    predicted: int
    probability: float
    top: tuple[Choice, ...]


class Bin(ReportPart):
    """The pictures whose predicted class has a probability in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Estimate


class Reliability(ReportPart):
    """Accuracy by predicted probability; `error` is the expected calibration error."""

    bins: tuple[Bin, ...]
    error: Estimate


class CoveragePoint(NamedTuple):
    """Share of pictures at or above `threshold`, and share of wrong predictions among them."""

    threshold: float
    coverage: float
    error: float


class Threshold(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """A probability below which a prediction is "not sure".

    `target_coverage` is the share of validation pictures that reach `value`. `coverage` and `error`
    are measured on the test set; `error` is None if no test picture reaches `value`. `validation`
    is the error on validation pictures, to choose by; None in earlier reports.
    """

    target_coverage: float = Field(alias="aim")
    value: float
    coverage: Estimate
    error: Estimate | None
    validation: Estimate | None = None


class SetLevel(ReportPart):
    """A coverage that prediction sets promise: the share of pictures whose set has the right class.

    A set has the likeliest classes; `limit` is the largest sum of probabilities before its last.
    """

    level: float = Field(gt=0, lt=1)
    limit: float = Field(ge=0, le=1)


class SetCoverage(SetLevel):
    """The prediction sets of one level, measured on the test set.

    `coverage` is the share of sets with the right class, `several` the share of sets of more than
    one class, and `covered_of_several` the share of those with the right class; None if there are
    none. `size` is the mean number of classes.
    """

    coverage: Estimate
    several: Estimate
    covered_of_several: Estimate | None
    size: float


class Certainty(ReportPart):
    """Reliability of the probabilities.

    `temperature` was fitted on the validation set and is part of the model. `before` is without
    and `after` with temperature; if none was fitted, or is not known, both `temperature` and
    `after` are None, and `before` is as the model is used. `coverage` is of the test pictures and
    `validation` of the validation pictures, both with temperature. `choices` are thresholds, the
    strictest last; empty without validation pictures. `sets` are the levels of prediction sets
    that the model offers, and `calibrated_on` the number of groups that they were calibrated on.
    Fields with a default are missing in earlier reports.
    """

    before: Reliability
    after: Reliability | None
    temperature: float | None
    coverage: tuple[CoveragePoint, ...]
    choices: tuple[Threshold, ...]
    validation: tuple[CoveragePoint, ...] = ()
    sets: tuple[SetCoverage, ...] = ()
    calibrated_on: int | None = None

    @property
    def as_used(self) -> Reliability:
        """Of the probabilities that the model gives."""
        return self.after or self.before


class Curve(ReportPart):
    """Points of a curve, and the area under it computed from all points."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


class ClassCurves(ReportPart):
    """One class against the rest; None if the test set lacks the class, or for ROC all others.

    `roc` has false positive rates as x and true positive rates as y, `precision_recall` has recall
    as x and precision as y, and the average precision as its area.
    """

    roc: Curve | None
    precision_recall: Curve | None


class OodScores(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """Out-of-distribution scores of the test pictures, which all show a class of the model.

    `scores` are in the order of the report; over 1, a picture counts as not like the training
    pictures. `false_alarms` is the share of those.
    """

    scores: tuple[float, ...] = Field(alias="strangeness")
    false_alarms: Estimate


class Footprint(ReportPart):
    """Time, size and parameters, in backbone and head, of a model.

    `milliseconds` is the median time per picture without decoding, on the machine that trained
    the model; `megabytes` the size of the files for prediction, in units of 1024².
    """

    milliseconds: float
    megabytes: float
    parameters: int

    @property
    def time(self) -> str:
        """`6.3 ms`, `12 ms`."""
        return f"{self.milliseconds:.{0 if self.milliseconds >= 10 else 1}f} ms"

    @property
    def size(self) -> str:
        """`4.2 MB`, `18 MB`."""
        return prose.size(self.megabytes * MEGABYTE)

    @property
    def millions(self) -> str:
        """`3.4 million`, of parameters."""
        return f"{self.parameters / 1e6:.1f} million"


class Report(ReportPart, validate_by_name=True, serialize_by_alias=True):
    """All figures of a model on one test set.

    `top` has top-1, top-2, … accuracy. `macro` is the mean over classes, `weighted` the mean
    weighted by support. Labels are indices into `classes`. `leaked` counts the test pictures that
    nearly equal one that the model learned from, `left_out` those that were left out for that.
    """

    version: Literal[2] = VERSION
    headline: str
    classes: tuple[str, ...]
    pictures: int
    correct: int = Field(alias="right")
    leaked: int = 0
    left_out: int = 0
    accuracy: Estimate
    balanced_accuracy: Estimate
    top: tuple[Estimate, ...]
    macro: Averages
    weighted: Averages
    log_loss: Estimate
    per_class: tuple[ClassScore, ...]
    baseline: Baseline
    confusion: Confusion
    predictions: tuple[Prediction, ...]
    certainty: Certainty
    curves: tuple[ClassCurves, ...]
