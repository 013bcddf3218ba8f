"""One measure of every class as bars."""

from typing import Literal

import plotly.graph_objects as go

from core.evaluation.report import Estimate, Report
from core.evaluation.wording import describe
from ui.charts.drawing import PERCENTS, finish, literal
from ui.charts.palette import ACCENT, tint

Measure = Literal["precision", "recall", "f1"]
MANY = 40
"""Classes beyond which rows are narrow."""


def per_class(report: Report, measure: Measure = "f1") -> go.Figure:
    """One measure of every class as a bar, the worst first, its interval as a line.

    Classes for which the measure is not defined come last and say so.
    """
    scores = [(getattr(score, measure), score) for score in report.per_class]
    scores.sort(key=lambda pair: 2.0 if pair[0] is None else pair[0].value)
    rows = list(range(len(scores)))
    estimates: list[Estimate] = [e or Estimate(value=0, low=0, high=0) for e, _ in scores]
    figure = go.Figure(
        go.Bar(
            y=rows,
            x=[100 * e.value for e in estimates],
            orientation="h",
            width=0.7,
            marker_color=tint(ACCENT, 0.4),
            error_x={
                "array": [100 * (e.high - e.value) for e in estimates],
                "arrayminus": [100 * (e.value - e.low) for e in estimates],
                "color": ACCENT,
                "thickness": 2,
                "width": 0 if len(rows) > MANY else 4,
            },
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
        tickmode="array",
        tickvals=rows,
        ticktext=[literal(s.name, 18) for _, s in scores],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        tickfont_size=12 if len(rows) <= MANY else 10,
    )
    few = len(rows) <= MANY
    finish(figure, height=(26 if few else 15) * len(rows) + 50)
    if not few:
        # Plotly would draw everything twice for a margin that it works out by itself.
        figure.update_layout(margin={"l": 112, "r": 24, "t": 32, "b": 4})
        figure.update_yaxes(automargin=False, tickangle=0)
    return figure
