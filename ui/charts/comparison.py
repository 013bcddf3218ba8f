"""Runs or backbones compared: how often each is right, its interval, and its speed."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core import backbones
from core.bakeoff.result import Comparison
from core.evaluation.report import Estimate
from core.evaluation.wording import describe
from ui.charts.drawing import ROOM, finish, literal, pairs
from ui.charts.palette import ACCENT, NEUTRAL, class_colour

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")
ROW = 44
"""Pixels that a run takes."""
NAME = 16
"""Letters of a name before it is cut, which leaves space for the chart at 380 pixels."""
FEWEST_PERCENT = 10
"""Least width of the axis, so that a tiny difference does not look large."""


def accuracies(names: Sequence[str], estimates: Sequence[Estimate]) -> go.Figure:
    """One row per run, the first on top and filled: accuracy as a point, interval as a line.

    Args:
        names: of the runs, at least candidate.
        estimates: the accuracy of each.
    """
    rows = list(range(len(names)))
    figure = go.Figure(
        go.Scatter(
            x=[100 * estimate.value for estimate in estimates],
            y=rows,
            mode="markers",
            error_x={
                "array": [100 * (estimate.high - estimate.value) for estimate in estimates],
                "arrayminus": [100 * (estimate.value - estimate.low) for estimate in estimates],
                "color": ACCENT,
                "thickness": 2,
                "width": 6,
            },
            marker={
                "size": 12,
                "color": ACCENT,
                "symbol": ["circle", *["circle-open"] * (len(rows) - 1)],
                "line_width": 2.5,
            },
            customdata=[
                [literal(name), literal(describe(estimate))]
                for name, estimate in pairs(names, estimates)
            ],
            hovertemplate="%{customdata[0]}<br>accuracy %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_vline(
        x=100 * estimates[0].value,
        line={"color": NEUTRAL, "dash": "dot", "width": 1},
        layer="below",
    )
    lowest = 100 * min(estimate.low for estimate in estimates)
    highest = 100 * max(estimate.high for estimate in estimates)
    margin = max(0.05 * (highest - lowest), (FEWEST_PERCENT - (highest - lowest)) / 2)
    figure.update_xaxes(
        ticksuffix=" %",
        range=[max(-1.0, lowest - margin), min(101.0, highest + margin)],
        nticks=6,
        fixedrange=True,
        title_text="accuracy",
    )
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[literal(name, NAME) for name in names],
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
    )
    return finish(figure, height=ROW * len(rows) + 60, showlegend=False)


def accuracy_by_time(comparison: Comparison, chosen: str = "") -> go.Figure:
    """One point per backbone, its interval as a line; the size is shown under the pointer.

    Args:
        comparison: of backbones on the same pictures.
        chosen: name of the backbone in use, which is drawn filled.
    """
    figure = go.Figure()
    order = list(backbones.BACKBONES)
    for candidate in comparison.contenders:
        title = literal(backbones.get(candidate.backbone).title)
        place = order.index(candidate.backbone) if candidate.backbone in order else len(order)
        colour, shape = class_colour(place), SYMBOLS[place % len(SYMBOLS)]
        low, high = candidate.accuracy.low, candidate.accuracy.high
        figure.add_scatter(
            x=[candidate.milliseconds],
            y=[100 * candidate.accuracy.value],
            error_y={
                "array": [100 * (high - candidate.accuracy.value)],
                "arrayminus": [100 * (candidate.accuracy.value - low)],
                "color": colour,
                "thickness": 2,
                "width": 5,
            },
            name=title,
            mode="markers",
            marker={
                "size": 12,
                "color": colour,
                "symbol": shape if candidate.backbone == chosen else f"{shape}-open",
                "line_width": 2.5,
            },
            customdata=[
                [title, literal(describe(candidate.accuracy)), f"{candidate.megabytes:.1f}"]
            ],
            hovertemplate="%{customdata[0]}<br>accuracy %{customdata[1]}<br>"
            "%{x:.1f} ms per picture<br>%{customdata[2]} MB<extra></extra>",
            showlegend=True,
        )
    lowest = min(candidate.accuracy.low for candidate in comparison.contenders)
    highest = max(candidate.accuracy.high for candidate in comparison.contenders)
    margin = max(1.0, 10 * (highest - lowest))
    slowest = max(candidate.milliseconds for candidate in comparison.contenders)
    figure.update_xaxes(
        title_text="ms per picture, on this machine", range=[0, 1.15 * slowest], fixedrange=True
    )
    figure.update_yaxes(
        title_text="accuracy",
        ticksuffix=" %",
        range=[max(0.0, 100 * lowest - margin), min(100.5, 100 * highest + margin)],
        fixedrange=True,
        nticks=6,
    )
    finish(figure, height=300)
    return figure.update_yaxes(title_standoff=ROOM)
