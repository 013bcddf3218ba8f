"""Print what a benchmark measured, with the required values."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value with the bound that it must keep, if there is one.

    A value of None was never reached; it fails every bound.
    """

    value: float | None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def within_bounds(self) -> bool:
        """Whether the value is within its bounds."""
        if self.at_least is None and self.at_most is None:
            return True
        if self.value is None:
            return False
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def required(self) -> str:
        """The bounds as text; empty without any."""
        bounds = {"at least": self.at_least, "at most": self.at_most}
        texts = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return f"required: {', '.join(texts)}" if texts else ""


def argument_parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser with the module's docstring as help, and the option `--json`."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    return parser


def show(figures: Mapping[str, Figure], *, as_json: bool, notes: Sequence[str] = ()) -> int:
    """Print the figures as a table or as one line of JSON.

    Args:
        notes: sentences that explain the figures.

    Returns:
        The exit code: 0 if every figure keeps its bounds.
    """
    passed = all(figure.within_bounds for figure in figures.values())
    if as_json:
        measured = {
            name: {"measured": _rounded(f.value), "at_least": f.at_least, "at_most": f.at_most}
            for name, f in figures.items()
        }
        explained = {"notes": list(notes)} if notes else {}
        print(json.dumps({"figures": measured, **explained, "pass": passed}))
        return 0 if passed else 1
    width = max(map(len, figures))
    for name, figure in figures.items():
        value = "never" if figure.value is None else f"{figure.value:.4g}"
        verdict = "" if figure.within_bounds else "  ← failed"
        print(f"{name:{width}}  {value:>10}  {figure.required}{verdict}".rstrip())
    for note in notes:
        print(note)
    return 0 if passed else 1


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
