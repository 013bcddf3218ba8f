"""One measure of every class as bars."""

from typing import Literal

import plotly.graph_objects as go

from core.evaluation.report import Estimate, Report
from core.evaluation.wording import describe
from ui.charts.drawing import PERCENTS, error_bars, finish, literal, row_axis
from ui.charts.palette import ACCENT, tint

Measure = Literal["precision", "recall", "f1"]
TITLES: dict[Measure, str] = {"f1": "F1", "precision": "Precision", "recall": "Recall"}
MANY = 40
"""Classes beyond which rows are narrow."""


def per_class(report: Report, measure: Measure = "f1") -> go.Figure:
    """One measure of every class as a bar, in their order, its interval as a line.

    Where the measure of a class is not defined, the chart says why.
    """
    scores = [(getattr(score, measure), score) for score in report.per_class]
    rows = list(range(len(scores)))
    few = len(rows) <= MANY
    estimates: list[Estimate] = [e or Estimate(value=0, low=0, high=0) for e, _ in scores]
    figure = go.Figure(
        go.Bar(
            y=rows,
            x=[100 * e.value for e in estimates],
            orientation="h",
            width=0.7,
            marker_color=tint(ACCENT, 0.4),
            error_x=error_bars(estimates, ACCENT, width=4 if few else 0),
            customdata=[
                [literal(s.name), describe(e) if e else "not defined", s.support] for e, s in scores
            ],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>"
            "%{customdata[2]} test pictures<extra></extra>",
        )
    )
    for row, (estimate, score) in enumerate(scores):
        if estimate is None:
            figure.add_annotation(
                x=0,
                y=row,
                xanchor="left",
                showarrow=False,
                font_size=11,
                text="no test pictures" if not score.support else "never predicted",
            )
    figure.update_xaxes(**PERCENTS, fixedrange=True, side="top")
    figure.update_yaxes(
        **row_axis((score.name for _, score in scores), 18),
        fixedrange=True,
        tickfont_size=12 if few else 10,
    )
    described = (f"{s.name} {describe(e) if e else 'not defined'}" for e, s in scores)
    finish(
        figure,
        f"{TITLES[measure]} of each class: {', '.join(described)}",
        height=(26 if few else 15) * len(rows) + 50,
    )
    if not few:
        # Plotly would draw everything twice for a margin that it works out by itself.
        figure.update_layout(margin={"l": 112, "r": 24, "t": 32, "b": 4})
        figure.update_yaxes(automargin=False, tickangle=0)
    return figure
