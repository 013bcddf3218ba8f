"""Would more pictures help, and of which class? What a learning curve says, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.evaluation.intervals import Z
from core.evaluation.report import Estimate, Part

MATTERS = 0.005
"""A gain below this is none, however sure."""
MAY_MATTER = 0.03
"""Where a gain of this much cannot be ruled out, nothing is said against more pictures."""
NEARLY_ALL = 0.98
NAMED = 3
"""Classes that the sentence names at most."""

Verdict = Literal["rising", "flat", "unsure", "unknown"]


class Point(Part):
    """Accuracy of heads taught on `taught` pictures, `per_class` of each class on average."""

    taught: int
    per_class: float
    accuracy: Estimate


class Trend(Part):
    """How many pictures of a class are found, and what the last doubling brought to that."""

    label: int
    recall: Estimate
    gain: Estimate


@dataclass(frozen=True)
class Advice:
    """A verdict, the labels of the classes that need pictures most, and both in a sentence."""

    verdict: Verdict
    wanted: tuple[int, ...]
    sentence: str


def advise(
    classes: tuple[str, ...],
    points: tuple[Point, ...],
    gain: Estimate | None,
    trends: tuple[Trend, ...],
) -> Advice:
    """Read a learning curve.

    Args:
        classes: names, as they were given; the sentence has them as they are.
        points: from few pictures to all.
        gain: what the last doubling brought; None where there was none.
        trends: of each class.
    """
    verdict = _verdict(gain)
    wanted = _wanted(trends, points) if verdict in ("rising", "unsure") else ()
    names = [classes[label] for label in wanted]
    return Advice(verdict, wanted, _sentence(verdict, gain, points, names))


def _verdict(gain: Estimate | None) -> Verdict:
    if gain is None:
        return "unknown"
    if gain.low > 0 and gain.value >= MATTERS:
        return "rising"
    return "flat" if gain.high < MAY_MATTER else "unsure"


def _wanted(trends: tuple[Trend, ...], points: tuple[Point, ...]) -> tuple[int, ...]:
    """Classes found less often than most, and by more than a standard error oftener with more."""
    accuracy = points[-1].accuracy.value
    poor = [trend for trend in trends if trend.recall.value < accuracy and _rises(trend.gain)]
    return tuple(trend.label for trend in sorted(poor, key=lambda t: t.recall.value)[:NAMED])


def _rises(gain: Estimate) -> bool:
    return gain.value > (gain.value - gain.low) / Z


def in_points(gain: Estimate) -> str:
    """`3.4 percentage points (0.4 to 6.4)`."""
    value, low, high = (
        f"{100 * part:.1f}".replace("-0.0", "0.0").replace("-", "−")
        for part in (gain.value, gain.low, gain.high)
    )
    return f"{value} percentage points ({low} to {high})"


def _sentence(
    verdict: Verdict, gain: Estimate | None, points: tuple[Point, ...], wanted: list[str]
) -> str:
    if gain is None:
        return "There are too few pictures to tell whether more would help."
    before, after = (round(point.per_class) for point in points[-2:])
    doubling = f"the last doubling, from {before} to {after} pictures a class,"
    changed = f"{doubling} changed accuracy by {in_points(gain)}."
    if verdict == "rising":
        most = f"Begin with {_listed(wanted)}." if wanted else "No class needs them most."
        return (
            f"More pictures would probably help: {doubling} brought {in_points(gain)} of accuracy. "
            f"{most}"
        )
    if verdict == "unsure":
        most = f" If you add some, begin with {_listed(wanted)}." if wanted else ""
        return f"It is uncertain whether more pictures would help: {changed}{most}"
    if points[-1].accuracy.value >= NEARLY_ALL:
        instead = "Little is left to gain."
    else:
        instead = "Rather check the labels, or choose a larger backbone."
    return f"More pictures of the same kind are unlikely to help: {changed} {instead}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
