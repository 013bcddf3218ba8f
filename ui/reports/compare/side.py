"""A run as one column of a comparison."""

from __future__ import annotations

from dataclasses import dataclass

from core.evaluation.report import Report
from core.runs.comparison import ComparedRun
from core.runs.run import Run
from ui import text


@dataclass(frozen=True)
class Side:
    """A run, what was measured of it, and what it is called meanwhile.

    Attributes:
        letter: A for the reference, with which the others are compared.
    """

    letter: str
    run: Run
    measured: ComparedRun

    @property
    def report(self) -> Report:
        """Its report."""
        return self.measured.report

    @property
    def title(self) -> str:
        """Its own name: the owner's, or else that of the pictures."""
        return self.run.annotations().name or self.measured.manifest.name

    @property
    def name(self) -> str:
        """`A · roses`, for places that know no Markdown."""
        return f"{self.letter} · {text.short(self.title, 40)}"
