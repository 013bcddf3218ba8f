"""The data that every report view receives: a complete run and its report."""

from dataclasses import dataclass

from core.evaluation import Report
from core.runs.run import Run
from core.settings import Settings


@dataclass(frozen=True)
class CompleteRun:
    """A run with its report.

    Attributes:
        mine: whether this visitor may rename, correct or delete it; nobody may change the sample.
    """

    run: Run
    report: Report
    settings: Settings
    mine: bool = True
