"""Turn figures, and names that visitors chose, into text that is safe and short."""

from __future__ import annotations

import time

from core.evaluation.report import Estimate
from core.evaluation.wording import figures, rounded
from core.system import markdown

plain, short = markdown.plain, markdown.short


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 picture`, `1,200 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def classes(number: int) -> str:
    """`1 class`, `5 classes`."""
    return count(number, "class", "classes")


def share(value: float) -> str:
    """A probability or share as text: `85 %`, with a decimal near the ends, never a false 100."""
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    near = 0 < value < 0.01 or 0.99 < value < 1
    return f"{rounded(100 * value, 1 if near else 0)} %"


def percent(value: float | None) -> str:
    """A measured share: `93.5 %`, `100 %`, `–` where there is none."""
    if value is None:
        return "–"
    return f"{rounded(100 * value, 0 if value in (0, 1) else 1)} %"


def difference(estimate: Estimate, *, percent: bool = True) -> str:
    """A difference with its interval: `+13 points (−2 to +28)`, or `+0.13 (−0.02 to +0.28)`."""
    value, low, high = (
        f"{float(figure):+.{len(figure.partition('.')[2])}f}".replace("-", "−")
        if float(figure)
        else figure.lstrip("-")
        for figure in figures(estimate, percent=percent)
    )
    return f"{value}{' points' if percent else ''} ({low} to {high})"


def duration(seconds: float) -> str:
    """`8 s`, `3 min`, `1 h 20 min`."""
    if seconds < 1:
        return "under 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def milliseconds(seconds: float) -> str:
    """`4 ms`."""
    return f"{max(1, round(seconds * 1000))} ms"


def size(number: int) -> str:
    """Bytes as `42 bytes`, `0.3 kB`, `28 kB` or `18.6 MB`."""
    if number < 100:
        return count(number, "byte")
    kilobytes = number / 1024
    if kilobytes < 1000:
        return f"{kilobytes:.{0 if kilobytes >= 10 else 1}f} kB"
    return f"{kilobytes / 1024:.1f} MB"


def date(seconds: float) -> str:
    """`22 Nov 2026, 14:05`, in the host's time zone."""
    return time.strftime("%-d %b %Y, %H:%M", time.localtime(seconds))
