"""A complete run with its report, as each view of it gets it."""

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
