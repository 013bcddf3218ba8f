"""Read a learning curve: whether more pictures would help, and of which classes."""

from typing import Literal

from core.evaluation.intervals import Z
from core.evaluation.report import Estimate, ReportPart
from core.evaluation.wording import difference
from core.system.prose import listed

MINIMUM_GAIN = 0.005
"""A smaller gain does not count, however certain."""
POSSIBLE_GAIN = 0.03
"""While a gain of this much is possible, the advice is not against more pictures."""
NEARLY_ALL = 0.98
MOST_CLASSES = 3
"""Maximum number of classes in the advice."""

Outlook = Literal["rising", "flat", "unsure", "unknown"]


class Point(ReportPart):
    """Accuracy of heads trained on `taught` pictures, `per_class` of each class on average."""

    taught: int
    per_class: float
    accuracy: Estimate


class Trend(ReportPart):
    """Recall of one class, and its gain by the last doubling of the training pictures."""

    label: int
    recall: Estimate
    gain: Estimate


def advise(
    classes: tuple[str, ...],
    points: tuple[Point, ...],
    gain: Estimate | None,
    trends: tuple[Trend, ...],
) -> tuple[Outlook, str]:
    """Derive from a learning curve a verdict, and a sentence with the classes to begin with.

    Args:
        classes: names of the classes; the sentence contains them unescaped.
        points: from few pictures to all.
        gain: in accuracy, by the last doubling; None if there was none.
        trends: one per class.
    """
    if gain is None:
        return "unknown", "There are too few pictures to tell whether more would help."
    before, after = (round(point.per_class) for point in points[-2:])
    accuracy = points[-1].accuracy.value
    changed = (
        f"the last doubling, from {before} to {after} pictures per class, changed accuracy by "
        f"{difference(gain)}."
    )
    needed = listed([classes[label] for label in _needed(trends, accuracy)])
    if gain.low > 0 and gain.value >= MINIMUM_GAIN:
        first = f"Begin with {needed}." if needed else "No class needs them most."
        return "rising", f"More pictures would probably help: {changed} {first}"
    if gain.high >= POSSIBLE_GAIN:
        first = f" If you add some, begin with {needed}." if needed else ""
        return "unsure", f"It is uncertain whether more pictures would help: {changed}{first}"
    instead = (
        "There is little left to gain."
        if accuracy >= NEARLY_ALL
        else "Check the labels instead, or choose a larger backbone."
    )
    return "flat", f"More pictures of the same kind are unlikely to help: {changed} {instead}"


def _needed(trends: tuple[Trend, ...], accuracy: float) -> list[int]:
    """Classes whose recall is below the accuracy and rose by more than a standard error."""
    poor = [
        trend
        for trend in trends
        if trend.recall.value < accuracy
        and trend.gain.value > (trend.gain.value - trend.gain.low) / Z
    ]
    return [trend.label for trend in sorted(poor, key=lambda t: t.recall.value)[:MOST_CLASSES]]
