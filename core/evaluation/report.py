"""What a report holds: figures with their intervals, as frozen types that are JSON and back."""

from __future__ import annotations

import json
from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.errors import RunDamaged

VERSION = 2
"""Raised whenever a field is added, dropped or changes its meaning."""


class Part(BaseModel):
    """A piece of a report: frozen, without unknown fields, without NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Part):
    """A figure and the interval that holds the true one in 95 of 100 test sets."""

    value: float
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"expected low <= value <= high, found {self!r}")
        return self


class Averages(Part):
    """Precision, recall and F1 over all classes that occur among labels or answers."""

    precision: Estimate
    recall: Estimate
    f1: Estimate


class ClassScore(Part):
    """How one class fared. A figure that would be 0 / 0 is None, not 0.

    `support` counts the pictures of the class, `predicted` the pictures called by its name.
    """

    name: str
    support: int
    predicted: int
    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


class Baseline(Part):
    """Always guessing one class: which, how often that is right, and how much better we are."""

    label: int
    accuracy: Estimate
    gain: Estimate


class Mistake(Part):
    """How often pictures of `label` were called `predicted`; `share` is of that label's."""

    label: int
    predicted: int
    count: int
    share: float


class Confusion(Part):
    """Counts by true class (rows) and predicted class (columns), in the order of `classes`.

    `order` lists the classes so that those taken for each other stand together; `worst` the
    commonest mistakes, most frequent first.
    """

    counts: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]
    worst: tuple[Mistake, ...]


class Choice(NamedTuple):
    """A class and the probability it was given."""

    label: int
    probability: float


class Prediction(Part):
    """What was said of one picture; `top` is all classes up to 20, otherwise the best 5."""

    name: str
    label: int
    predicted: int
    probability: float
    top: tuple[Choice, ...]


class Bin(Part):
    """The pictures whose answer had a probability in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: Estimate


class Reliability(Part):
    """Whether "90 % sure" is right in 90 of 100; `error` is the expected calibration error."""

    bins: tuple[Bin, ...]
    error: Estimate


class CoveragePoint(NamedTuple):
    """Answering only at `threshold` or above: share that is answered, share of it that is wrong."""

    threshold: float
    coverage: float
    error: float


class Threshold(Part):
    """A probability below which the answer is "not sure".

    `aim` is the share of validation pictures that reach `value`; `coverage` and `error` are what
    it gives on the test set (`error` is None where no test picture reaches it).
    """

    aim: float
    value: float
    coverage: Estimate
    error: Estimate | None


class Certainty(Part):
    """How far the probabilities can be believed.

    `temperature` was fitted on validation and is part of the model. `after` is of the answers as
    the model gives them, `before` of what they would be without it; where there was nothing to fit
    it on, it and `after` are None and `before` is of the answers. `coverage` is of the answers.
    `choices` are thresholds to choose from, from the one that answers everything to the strictest;
    none without validation pictures.
    """

    before: Reliability
    after: Reliability | None
    temperature: float | None
    coverage: tuple[CoveragePoint, ...]
    choices: tuple[Threshold, ...]


class Curve(Part):
    """Points of a line, and the area under it as computed before thinning."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


class ClassCurves(Part):
    """One class against the rest; None where the test set lacks one side.

    `roc`: false positive rate to true positive rate. `precision_recall`: recall to precision,
    its area being the average precision.
    """

    roc: Curve | None
    precision_recall: Curve | None


class OodScores(Part):
    """Out-of-distribution scores of the test pictures, all of which show a class of the model.

    `scores` has one of each test picture, in the order of the report: over 1 the picture would be
    called not like the training pictures. `false_alarms` is the share of those.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    scores: tuple[float, ...] = Field(alias="strangeness")
    false_alarms: Estimate


class Footprint(Part):
    """What a model takes: time on the machine that trained it, space, size.

    `milliseconds` is the median of a picture, decoding left out; `megabytes` what must be read
    to answer, in units of 1024²; `parameters` counts backbone and head.
    """

    milliseconds: float
    megabytes: float
    parameters: int


class Report(Part):
    """All that is known of a model from one test set.

    `top` holds top-1, top-2, … accuracy. `macro` is the plain mean over classes, `weighted`
    the mean by support. Labels everywhere are indices into `classes`.
    """

    version: int = VERSION
    headline: str
    classes: tuple[str, ...]
    pictures: int
    right: int
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

    def to_json(self) -> str:
        """The report as JSON text; `from_json` gives an equal one back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Report:
        """Read what `to_json` wrote.

        Raises:
            RunDamaged: not a report, or one of another version.
        """
        try:
            found = json.loads(text)
            version = found.get("version") if isinstance(found, dict) else None
            if version != VERSION:
                raise RunDamaged(
                    f"Expected a report of version {VERSION}, found {version!r}. "
                    "Evaluate the model again."
                )
            return cls.model_validate_json(text)
        except (ValueError, ValidationError) as error:
            raise RunDamaged(
                "The report cannot be read: its content is not what was written. "
                "Evaluate the model again."
            ) from error
