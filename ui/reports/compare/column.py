"""A run as one column of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.evaluation.paired import NotComparable, PairedComparison
from core.evaluation.report import Report
from core.runs.comparison import ComparedRun
from core.runs.run import Run
from ui import text

Pairings = Sequence[PairedComparison | NotComparable]
"""Each run but the first, compared with the first."""


@dataclass(frozen=True)
class Column:
    """A run with its measurements and a letter.

    Attributes:
        letter: A for the reference, with which the others are compared.
    """

    letter: str
    run: Run
    measured: ComparedRun

    @property
    def report(self) -> Report:
        """The report of the run."""
        return self.measured.report

    @property
    def title(self) -> str:
        """The name that the owner gave the run, or else that of its pictures."""
        return self.run.annotations().name or self.measured.manifest.name

    @property
    def name(self) -> str:
        """`A · roses`, for places that know no Markdown."""
        return f"{self.letter} · {text.short(self.title, 40)}"


def comparable(
    columns: Sequence[Column], pairings: Pairings
) -> Iterator[tuple[Column, PairedComparison]]:
    """The columns that can be compared with the first on the same pictures."""
    for column, pairing in zip(columns[1:], pairings, strict=True):
        if isinstance(pairing, PairedComparison):
            yield column, pairing
