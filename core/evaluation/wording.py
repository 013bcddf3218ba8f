"""Format figures with as many digits as their intervals support, and write the headline."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from core.evaluation.report import Baseline, Confusion, Estimate, Report
from core.system import prose

MOSTLY = 0.5
OFTEN = 0.1
"""Shares of all mistakes from which the headline mentions a pair of classes."""

LOSS_DECIDED = "; the lower log loss decided, which also measures how sure the answers are"
"""Follows figures of two models, of which the one with the lower accuracy was chosen."""


class NewGroups(NamedTuple):
    """Groups that the visitor chose in a test set, none of them in training.

    Attributes:
        groups: their number.
        alone: number of test pictures without a group.
    """

    groups: int = 0
    alone: int = 0


def describe(estimate: Estimate | None, *, percent: bool = True) -> str:
    """A figure with its interval: `93.5 % (88–97)`, or `0.93 (0.88–0.97)` without percent.

    The interval is rounded outwards. Wide intervals reduce the digits of the figure: from ±5 %
    there are none after the point, below ±0.5 % there are two.
    """
    if estimate is None:
        return "–"
    value, low, high = figures(estimate, percent=percent)
    return f"{value} % ({low}–{high})" if percent else f"{value} ({low}–{high})"


def undefined(report: Report) -> str:
    """Which figures are undefined without pictures or predictions, or an empty string."""
    classes = len(report.per_class)
    missing = {
        metric: [row.name for row in report.per_class if getattr(row, metric) is None]
        for metric in ("recall", "precision")
    }
    parts = [
        f"{metric} of {prose.listed(names)}, {why}"
        for (metric, names), why in zip(
            missing.items(),
            ("without pictures in the test set", "which the model predicts for none"),
            strict=True,
        )
        if names
    ]
    if not parts:
        return ""
    numbers = [f"{metric} over {classes - len(names):,}" for metric, names in missing.items()]
    scored = sum(row.f1 is not None for row in report.per_class)
    over = prose.listed([*numbers, f"F1 over {scored:,}"])
    return f"Undefined: {'; '.join(parts)}. Macro averages: {over} of {classes:,} classes."


def figures(
    estimate: Estimate, *, percent: bool = True, is_share: bool = True
) -> tuple[str, str, str]:
    """Value, low and high as in `describe`, without units.

    Args:
        is_share: whether a figure in percent is between 0 and 100, and not a difference.
    """
    scale = 100 if percent else 1
    value, low, high = (scale * x for x in (estimate.value, estimate.low, estimate.high))
    width = 100 * (estimate.high - estimate.low)
    coarse = 0 if width >= 5 else 1 if width >= 0.5 else 2
    fine = 0 if width >= 10 or estimate.value in (0, 1) else 1 if width >= 1 else 2
    if not percent:
        coarse += 2
        fine = coarse
    if is_share:
        # More digits where a figure would look like all or none and is not.
        ends = (0, 100) if percent else (0,)
        more = (n for n in range(fine, fine + 4) if float(rounded(value, n)) not in ends)
        fine = next(more, fine)
    return rounded(value, fine), _outwards(low, coarse, -1), _outwards(high, coarse, 1)


def rounded(value: float, digits: int) -> str:
    """A figure with so many digits; halves are rounded up in size, as charts in the browser do."""
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(f"{value:.9f}").quantize(step, ROUND_HALF_UP))


def share(value: float) -> str:
    """A probability or share as text: `85 %`, with a decimal near the ends, never a false 100."""
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    near = 0 < value < 0.01 or 0.99 < value < 1
    return f"{rounded(100 * value, 1 if near else 0).removesuffix('.0')} %"


def percent(value: float | None) -> str:
    """A measured share: `93.5 %`, `100 %`, never a false 0 or 100; `–` where there is none."""
    if value is None:
        return "–"
    if 0 < value < 0.0005:
        return "under 0.1 %"
    if 0.9995 <= value < 1:
        return "over 99.9 %"
    return f"{rounded(100 * value, 0 if value in (0, 1) else 1)} %"


def difference(estimate: Estimate) -> str:
    """A difference with its interval: `+13 points (−2 to +28)`."""
    value, low, high = (
        f"{float(figure):+.{len(figure.partition('.')[2])}f}".replace("-", "−")
        if float(figure)
        else figure.lstrip("-")
        for figure in figures(estimate, is_share=False)
    )
    return f"{value} points ({low} to {high})"


def promise(level: float) -> str:
    """What prediction sets promise: `the right class is in the set for 95 % of pictures`.

    That is for all pictures, those with one class included, and not for sets of several classes.
    """
    return f"the right class is in the set for {rounded(100 * level, 0)} % of pictures"


def is_better(accuracy: Estimate, baseline: Baseline) -> bool:
    """Whether an accuracy is shown to be better than that of the most common class.

    Either interval may show it. In small test sets, that of the paired gain is too wide.
    """
    return baseline.gain.low > 0 or accuracy.low > baseline.accuracy.value


def headline(
    correct: int,
    accuracy: Estimate,
    classes: tuple[str, ...],
    confusion: Confusion,
    leaked: int,
    new_groups: NewGroups,
    baseline: Baseline,
) -> str:
    """The report in one line, with unescaped class names.

    It says so if the accuracy may be that of always predicting the most common class.

    Args:
        leaked: number of test pictures that nearly equal a training picture.
        new_groups: in the test set.

    Example:
        143 of 153 test pictures correct: 93.5 % (88–97 %); mostly confuses ants with bees
        Not a fair test: 57 of 58 test pictures are near-copies of training pictures. All 58 …
    """
    pictures = sum(map(sum, confusion.counts))
    value, low, high = figures(accuracy)
    noun = "test picture" if pictures == 1 else "test pictures"
    fraction = f"All {pictures:,}" if correct == pictures > 1 else f"{correct:,} of {pictures:,}"
    sentence = f"{fraction} {noun} correct: {value} % ({low}–{high} %)"
    if new_groups.groups:
        sentence += f" on {prose.count(new_groups.groups, 'group')} not seen in training"
        if new_groups.alone:
            sentence += f" and {prose.count(new_groups.alone)} without a group"
    if not is_better(accuracy, baseline):
        common = classes[baseline.label]
        sentence += f", not shown to be better than always predicting {common}"
    if leaked:
        copies = "is a near-copy" if leaked == 1 else "are near-copies"
        sentence = (
            f"Not a fair test: {leaked:,} of {pictures:,} {noun} {copies} of training pictures. "
            f"{sentence}"
        )
    return sentence + _confused(classes, confusion, pictures - correct)


def _confused(classes: tuple[str, ...], confusion: Confusion, mistakes: int) -> str:
    """The most frequent mistake; empty if it occurred once, or as often as one of other classes."""
    if not confusion.worst:
        return ""
    worst = confusion.worst[0]
    as_often = [each for each in confusion.worst if each.count == worst.count]
    pairs = {frozenset((each.label, each.predicted)) for each in as_often}
    if worst.count < max(2, OFTEN * mistakes) or len(pairs) > 1:
        return ""
    often = "mostly" if worst.count >= MOSTLY * mistakes else "most often"
    return f"; {often} confuses {classes[worst.label]} with {classes[worst.predicted]}"


def _outwards(value: float, digits: int, direction: int) -> str:
    scaled = value * 10**digits
    # Rounded first, so that 88.00000000001 is not pushed to 89.
    scaled = round(scaled, 6)
    integer = math.floor(scaled) if direction < 0 else math.ceil(scaled)
    return f"{integer / 10**digits:.{digits}f}"
