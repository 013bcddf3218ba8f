"""Read a learning curve: whether more pictures would help, and of which classes."""

from typing import Literal, NamedTuple

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


class Advice(NamedTuple):
    """A verdict, and a sentence with it and the classes that need pictures most."""

    verdict: Outlook
    sentence: str


def advise(
    classes: tuple[str, ...],
    points: tuple[Point, ...],
    gain: Estimate | None,
    trends: tuple[Trend, ...],
) -> Advice:
    """Derive advice from a learning curve.

    Args:
        classes: names of the classes; the sentence contains them unescaped.
        points: from few pictures to all.
        gain: in accuracy, by the last doubling; None if there was none.
        trends: one per class.
    """
    if gain is None:
        return Advice("unknown", "There are too few pictures to tell whether more would help.")
    verdict = _verdict(gain)
    needed = () if verdict == "flat" else _needed(trends, points[-1].accuracy.value)
    return Advice(verdict, _sentence(verdict, gain, points, [classes[i] for i in needed]))


def _verdict(gain: Estimate) -> Outlook:
    if gain.low > 0 and gain.value >= MINIMUM_GAIN:
        return "rising"
    return "flat" if gain.high < POSSIBLE_GAIN else "unsure"


def _needed(trends: tuple[Trend, ...], accuracy: float) -> tuple[int, ...]:
    """Classes whose recall is below the accuracy and rose by more than a standard error."""
    poor = [
        trend
        for trend in trends
        if trend.recall.value < accuracy
        and trend.gain.value > (trend.gain.value - trend.gain.low) / Z
    ]
    return tuple(t.label for t in sorted(poor, key=lambda t: t.recall.value)[:MOST_CLASSES])


def _sentence(verdict: Outlook, gain: Estimate, points: tuple[Point, ...], names: list[str]) -> str:
    before, after = (round(point.per_class) for point in points[-2:])
    doubling = f"the last doubling, from {before} to {after} pictures per class,"
    changed = f"{doubling} changed accuracy by {difference(gain)}."
    if verdict == "rising":
        first = f"Begin with {listed(names)}." if names else "No class needs them most."
        return f"More pictures would probably help: {changed} {first}"
    if verdict == "unsure":
        first = f" If you add some, begin with {listed(names)}." if names else ""
        return f"It is uncertain whether more pictures would help: {changed}{first}"
    if points[-1].accuracy.value >= NEARLY_ALL:
        instead = "There is little left to gain."
    else:
        instead = "Check the labels instead, or choose a larger backbone."
    return f"More pictures of the same kind are unlikely to help: {changed} {instead}"
