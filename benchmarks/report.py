"""Print what a benchmark measured beside what is asked of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure, and the bound it must keep, if there is one."""

    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the figure is within its bounds."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )


def show(figures: Mapping[str, Figure], *, as_json: bool) -> int:
    """Print the figures as a table or as one line of JSON.

    Returns:
        The exit code: 0 if every figure keeps its bounds.
    """
    passed = all(figure.kept for figure in figures.values())
    if as_json:
        line = {
            name: {"measured": round(f.value, 4), "at_least": f.at_least, "at_most": f.at_most}
            for name, f in figures.items()
        }
        print(json.dumps({"figures": line, "pass": passed}))
        return 0 if passed else 1
    width = max(map(len, figures))
    for name, figure in figures.items():
        asked = ""
        if figure.at_least is not None:
            asked = f"asked: at least {figure.at_least:g}"
        elif figure.at_most is not None:
            asked = f"asked: at most {figure.at_most:g}"
        verdict = "" if figure.kept else "  ← short of it"
        print(f"{name:{width}}  {figure.value:10.4g}  {asked}{verdict}")
    return 0 if passed else 1
