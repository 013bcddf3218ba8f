"""Draw a learning curve: accuracy against pictures a class."""

import plotly.graph_objects as go

from core.evaluation.learning_curve import LearningCurve
from core.evaluation.wording import describe
from ui.charts.drawing import finish, literal, per_cents
from ui.charts.palette import ACCENT, CLEAR, tint

ROOM = 24
"""Pixels between the title of an axis and its numbers, which are as wide as `100 %`."""


def learning_curve(curve: LearningCurve) -> go.Figure:
    """A line through the points, the interval as a band; each doubling is as wide as the last."""
    x = [point.per_class for point in curve.points]
    low = [100 * point.accuracy.low for point in curve.points]
    high = [100 * point.accuracy.high for point in curve.points]
    figure = go.Figure(
        [
            go.Scatter(
                x=[*x, *reversed(x)],
                y=[*high, *reversed(low)],
                fill="toself",
                fillcolor=tint(ACCENT, 0.18),
                line_color=CLEAR,
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=x,
                y=[100 * point.accuracy.value for point in curve.points],
                mode="lines+markers",
                line={"color": ACCENT, "width": 2},
                marker_size=8,
                customdata=[
                    [f"{point.per_class:.0f}", point.taught, literal(describe(point.accuracy))]
                    for point in curve.points
                ],
                hovertemplate="taught on %{customdata[0]} a class, %{customdata[1]:,} in all<br>"
                "right on %{customdata[2]}<extra></extra>",
                showlegend=False,
            ),
        ]
    )
    figure.update_xaxes(
        type="log",
        title_text="pictures a class that were taught",
        tickvals=x,
        ticktext=[f"{value:,.0f}" for value in x],
        fixedrange=True,
    )
    figure.update_yaxes(title_text="right", **per_cents([*low, *high]), fixedrange=True)
    finish(figure, height=300)
    return figure.update_yaxes(title_standoff=ROOM)
