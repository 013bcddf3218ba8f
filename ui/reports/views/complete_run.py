"""The data that every report view receives: a complete run and its report."""

from dataclasses import dataclass

from core.evaluation import Report
from core.runs.run import Run
from core.settings import Settings


@dataclass(frozen=True)
class CompleteRun:
    """A run with its report.

    Attributes:
        may_change: whether this visitor may rename, correct or delete it; the sample nobody may.
    """

    run: Run
    report: Report
    settings: Settings
    may_change: bool = True
