"""A complete run with its report, as every view of it is given."""

from dataclasses import dataclass

from core.evaluation import Report
from core.runs.run import Run
from core.settings import Settings


@dataclass(frozen=True)
class Opened:
    """A run and what it is measured by.

    Attributes:
        mine: whether this visitor may rename, correct or delete it; the sample is nobody's.
    """

    run: Run
    report: Report
    settings: Settings
    mine: bool = True
