"""The charts inside the HTML report, as the JSON that its script gives to Plotly."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup

from core.evaluation import describe
from core.export.card import Facts
from core.runs.run import Run
from ui.charts import bars, certainty, confusion, learning

MOST_CLASSES = 150
"""Beyond it a matrix is too large a file and too fine to read."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class EmbeddedChart:
    """A chart.

    Attributes:
        json: of the figure, safe in a script element.
        height: in pixels.
        alt: text alternative.
        width: at most, in pixels; None for all there is.
    """

    json: Markup
    height: int
    alt: str
    width: int | None = None


def embed(run: Run, facts: Facts) -> dict[str, EmbeddedChart]:
    """Every chart that this run has data for, by its name in the template."""
    report = facts.report
    measured = report.certainty
    size = len(report.classes)
    error = describe((measured.after or measured.before).error)
    threshold = facts.threshold.value if facts.threshold else None
    charts = {
        "classes": _embed(bars.per_class(report), f"F1 of each of {size} classes"),
        "reliability": _embed(
            certainty.reliability(measured),
            f"Accuracy by predicted probability; off by {error} on average",
        ),
        "coverage": _embed(
            certainty.coverage(measured, threshold),
            "Share of wrong answers by share of pictures answered",
        ),
        "roc": _embed(certainty.class_curves(report, "roc"), "ROC curves by class"),
        "precision_recall": _embed(
            certainty.class_curves(report, "precision_recall"), "Precision–recall curves by class"
        ),
    }
    if size <= MOST_CLASSES:
        charts["matrix"] = _embed(
            confusion.confusion_matrix(report),
            "Confusion matrix: actual classes down, predicted classes across",
            width=200 + 140 * size if size <= 6 else None,
        )
    if epochs := run.epochs():
        charts["training"] = _embed(
            learning.training_curves(epochs, run.kept()),
            f"Accuracy and loss over {len(epochs)} epochs",
        )
    if facts.curve is not None and len(facts.curve.points) > 1:
        first, last = facts.curve.points[0], facts.curve.points[-1]
        charts["learning"] = _embed(
            learning.learning_curve(facts.curve),
            f"Accuracy {describe(first.accuracy)} with {first.per_class:.0f} training pictures per "
            f"class, {describe(last.accuracy)} with {last.per_class:.0f}",
        )
    return charts


def _embed(figure: go.Figure, alt: str, width: int | None = None) -> EmbeddedChart:
    height = int(figure.layout.height)
    figure.update_layout(template="none", font_family=FONT)
    # In a script element only this sign can begin anything else than JSON.
    content = figure.to_json().replace("<", "\\u003c")
    return EmbeddedChart(Markup(content), height, alt, width)  # noqa: S704 - escaped above
