"""Turn labels and probabilities into a report, with NumPy only.

    evaluate(labels, probabilities, classes) → Report

`report` defines the type and `build_report` computes it, with metrics and their intervals, the
confusion matrix, calibration and curves. `wording` formats figures.
"""

from core.evaluation.build_report import evaluate
from core.evaluation.report import Estimate, Report
from core.evaluation.wording import describe
