"""A run as one column of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.evaluation.paired import NotComparable, PairedComparison
from core.evaluation.report import Report
from core.runs.comparison import ComparedRun
from core.runs.run import Run


@dataclass(frozen=True)
class Column:
    """A run with its measurements and a letter.

    Attributes:
        letter: A for the reference, with which the others are compared.
        pairing: the comparison with the reference on the same pictures; None for the reference.
    """

    letter: str
    run: Run
    measured: ComparedRun
    pairing: PairedComparison | NotComparable | None

    @property
    def report(self) -> Report:
        """The report of the run."""
        return self.measured.report

    @property
    def title(self) -> str:
        """The name that the owner gave the run, or else that of its pictures."""
        return self.run.annotations().name or self.measured.manifest.name


def comparable(columns: Sequence[Column]) -> list[tuple[Column, PairedComparison]]:
    """The columns that can be compared with the first on the same pictures."""
    pairs = ((column, column.pairing) for column in columns)
    return [(column, pair) for column, pair in pairs if isinstance(pair, PairedComparison)]
