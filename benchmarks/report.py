"""Print what a benchmark measured beside what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure, and the bound it must keep, if there is one.

    A value of None says that what was to be measured never came about; it keeps no bound.
    """

    value: float | None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the figure is within its bounds."""
        if self.at_least is None and self.at_most is None:
            return True
        if self.value is None:
            return False
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def asked(self) -> str:
        """The bound, in words; empty without one."""
        if self.at_least is not None:
            return f"asked: at least {self.at_least:g}"
        return "" if self.at_most is None else f"asked: at most {self.at_most:g}"


def show(figures: Mapping[str, Figure], *, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print the figures as a table or as one line of JSON.

    Args:
        notes: sentences without which the figures would be misread.

    Returns:
        The exit code: 0 if every figure keeps its bounds.
    """
    passed = all(figure.kept for figure in figures.values())
    if as_json:
        line = {
            name: {"measured": _rounded(f.value), "at_least": f.at_least, "at_most": f.at_most}
            for name, f in figures.items()
        }
        said = {"notes": list(notes)} if notes else {}
        print(json.dumps({"figures": line, **said, "pass": passed}))
        return 0 if passed else 1
    width = max(map(len, figures))
    for name, figure in figures.items():
        value = "never" if figure.value is None else f"{figure.value:.4g}"
        verdict = "" if figure.kept else "  ← short of it"
        print(f"{name:{width}}  {value:>10}  {figure.asked}{verdict}".rstrip())
    for note in notes:
        print(note)
    return 0 if passed else 1


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
