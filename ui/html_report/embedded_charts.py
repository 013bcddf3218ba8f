"""The charts inside the HTML report, as the JSON that its script gives to Plotly."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup

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
    size = len(report.classes)
    figures = {
        "classes": bars.per_class(report),
        "reliability": certainty.reliability(report.certainty),
        "coverage": certainty.coverage(
            report.certainty, facts.threshold.value if facts.threshold else None
        ),
        "roc": certainty.class_curves(report, "roc"),
        "precision_recall": certainty.class_curves(report, "precision_recall"),
    }
    if size <= MOST_CLASSES:
        figures["matrix"] = confusion.confusion_matrix(report)
    if epochs := run.epochs():
        figures["training"] = learning.training_curves(epochs, run.kept())
    if facts.curve is not None and len(facts.curve.points) > 1:
        figures["learning"] = learning.learning_curve(facts.curve)
    widths = {"matrix": 200 + 140 * size} if size <= 6 else {}
    return {name: _embed(figure, widths.get(name)) for name, figure in figures.items()}


def _embed(figure: go.Figure, width: int | None) -> EmbeddedChart:
    height, alt = int(figure.layout.height), figure.layout.meta
    figure.update_layout(template="none", font_family=FONT)
    # In a script element only this sign can begin anything else than JSON.
    content = figure.to_json().replace("<", "\\u003c")
    return EmbeddedChart(Markup(content), height, alt, width)  # noqa: S704 - escaped above
