"""The charts of the report in one file, as the JSON that its script hands to Plotly."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup

from core.evaluation import describe
from core.export.card import Facts
from core.runs.run import Run
from ui.charts import certainty as certainty_charts
from ui.charts import report as charts

MOST_CLASSES = 150
"""Beyond it a matrix is too large a file and too fine to read."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Drawing:
    """A chart.

    Attributes:
        json: of the figure; a script element may hold it.
        height: in pixels.
        alt: for those who cannot see it.
        width: in pixels, at most; None where it may take all there is.
    """

    json: Markup
    height: int
    alt: str
    width: int | None = None


def draw(run: Run, found: Facts) -> dict[str, Drawing]:
    """Every chart that this run has something for, by the name that the template knows."""
    report = found.report
    certainty = report.certainty
    size = len(report.classes)
    threshold = found.threshold.value if found.threshold else None
    drawn = {
        "classes": _drawing(charts.per_class(report), f"F1 of each of {size} classes"),
        "reliability": _drawing(
            certainty_charts.reliability(certainty),
            f"How often it was right by how sure it was; off by "
            f"{describe((certainty.after or certainty.before).error)} on average",
        ),
        "coverage": _drawing(
            certainty_charts.coverage(certainty, threshold),
            "Share of wrong answers by share of pictures answered",
        ),
        "roc": _drawing(charts.class_curves(report, "roc"), "ROC curves by class"),
        "precision_recall": _drawing(
            charts.class_curves(report, "precision_recall"), "Precision–recall curves by class"
        ),
    }
    if size <= MOST_CLASSES:
        drawn["matrix"] = _drawing(
            charts.confusion_matrix(report),
            "Confusion matrix: what it was down, what it said across",
            width=200 + 140 * size if size <= 6 else None,
        )
    if epochs := run.epochs():
        drawn["training"] = _drawing(
            charts.training_curves(epochs, run.kept()),
            f"Accuracy and loss over {len(epochs)} epochs",
        )
    if found.curve is not None and len(found.curve.points) > 1:
        first, last = found.curve.points[0], found.curve.points[-1]
        drawn["learning"] = _drawing(
            charts.learning_curve(found.curve),
            f"{describe(first.accuracy)} right taught on {first.per_class:.0f} pictures a class, "
            f"{describe(last.accuracy)} on {last.per_class:.0f}",
        )
    return drawn


def _drawing(figure: go.Figure, alt: str, width: int | None = None) -> Drawing:
    height = int(figure.layout.height)
    figure.update_layout(template="none", font_family=FONT)
    # In a script element only this sign can begin anything else than JSON.
    content = figure.to_json().replace("<", "\\u003c")
    return Drawing(Markup(content), height, alt, width)  # noqa: S704
