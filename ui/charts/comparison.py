"""Draw runs beside each other: how often each is right, and how sure that is."""

from collections.abc import Sequence

import plotly.graph_objects as go

from core.evaluation.report import Estimate
from core.evaluation.wording import describe
from ui.charts.drawing import finish, literal, pairs
from ui.charts.palette import ACCENT, NEUTRAL

ROW = 44
"""Pixels that a run takes."""
NAME = 16
"""Letters of a name before it is cut; so many leave room for the figure at 380 pixels."""
FEWEST_PERCENT = 10
"""Least width of the axis, so that a hair's breadth does not look like a mile."""


def accuracies(names: Sequence[str], found: Sequence[Estimate]) -> go.Figure:
    """A row a run, the first on top and filled: its accuracy as a point, its interval as a line.

    Args:
        names: of the runs, at least one.
        found: the accuracy of each.
    """
    rows = list(range(len(names)))
    figure = go.Figure(
        go.Scatter(
            x=[100 * one.value for one in found],
            y=rows,
            mode="markers",
            error_x={
                "array": [100 * (one.high - one.value) for one in found],
                "arrayminus": [100 * (one.value - one.low) for one in found],
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
                [literal(name), literal(describe(one))] for name, one in pairs(names, found)
            ],
            hovertemplate="%{customdata[0]}<br>right on %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_vline(
        x=100 * found[0].value, line={"color": NEUTRAL, "dash": "dot", "width": 1}, layer="below"
    )
    lowest, highest = (100 * end for end in _ends(found))
    room = max(0.05 * (highest - lowest), (FEWEST_PERCENT - (highest - lowest)) / 2)
    figure.update_xaxes(
        ticksuffix=" %",
        range=[max(-1.0, lowest - room), min(101.0, highest + room)],
        nticks=6,
        fixedrange=True,
        title_text="right",
    )
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[literal(name, NAME) for name in names],
        range=[len(rows) - 0.5, -0.5],
        showgrid=False,
        fixedrange=True,
    )
    # Room at the right for half of the last tick.
    margin = {"l": 4, "r": 24, "t": 8, "b": 4}
    return finish(figure, height=ROW * len(rows) + 60, margin=margin, showlegend=False)


def _ends(found: Sequence[Estimate]) -> tuple[float, float]:
    return min(one.low for one in found), max(one.high for one in found)
