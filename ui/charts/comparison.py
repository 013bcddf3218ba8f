"""Backbones compared: accuracy with its interval, by speed."""

import plotly.graph_objects as go

from core import backbones
from core.bakeoff.result import Comparison
from core.evaluation.wording import describe
from ui.charts.drawing import ROOM, error_bars, finish, literal, per_cents
from ui.charts.palette import class_colour

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")
FEWEST = 0.1
"""Least width of the axis of accuracies, so that a tiny difference does not look large."""


def accuracy_by_time(comparison: Comparison, chosen: str = "") -> go.Figure:
    """One point per backbone, its interval as a line; the size is shown under the pointer.

    Args:
        chosen: name of the backbone in use, which is drawn filled.
    """
    figure = go.Figure()
    order = list(backbones.BACKBONES)
    for candidate in comparison.candidates:
        title = literal(backbones.get(candidate.backbone).title)
        index = order.index(candidate.backbone) if candidate.backbone in order else len(order)
        colour, shape = class_colour(index), SYMBOLS[index % len(SYMBOLS)]
        figure.add_scatter(
            x=[candidate.milliseconds],
            y=[100 * candidate.accuracy.value],
            error_y=error_bars([candidate.accuracy], colour, width=5),
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
    slowest = max(candidate.milliseconds for candidate in comparison.candidates)
    figure.update_xaxes(
        title_text="ms per picture, on this machine", range=[0, 1.15 * slowest], fixedrange=True
    )
    low = min(candidate.accuracy.low for candidate in comparison.candidates)
    high = max(candidate.accuracy.high for candidate in comparison.candidates)
    margin = max(0.0, (FEWEST - (high - low)) / 2)
    figure.update_yaxes(
        **per_cents([100 * max(0.0, low - margin), 100 * min(1.0, high + margin)]),
        title_text="accuracy",
        fixedrange=True,
    )
    candidates = (
        f"{backbones.get(candidate.backbone).title} {describe(candidate.accuracy)} in "
        f"{candidate.milliseconds:.0f} ms"
        for candidate in comparison.candidates
    )
    finish(figure, f"Accuracy by time: {'; '.join(candidates)}", height=300)
    return figure.update_yaxes(title_standoff=ROOM)
