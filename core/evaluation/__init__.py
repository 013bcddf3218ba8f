"""Turn labels and probabilities into a report, with NumPy alone; scikit-learn checks it in tests.

    evaluate(labels, probabilities, classes) → Report → describe, charts, JSON

`report` is the type, `scoring` fills it; `measures` and `confusion` count, `intervals` says
how sure the counts are, `calibration` and `curves` look at the probabilities, and `wording`
puts figures into words.
"""

from core.evaluation.report import VERSION, Estimate, Report
from core.evaluation.scoring import evaluate
from core.evaluation.wording import describe

__all__ = ["VERSION", "Estimate", "Report", "describe", "evaluate"]
