"""Draw a comparison of backbones: how often each is right, against how long it takes."""

import plotly.graph_objects as go

from core import backbones
from core.bakeoff.result import Comparison
from core.evaluation.wording import describe
from ui.charts.drawing import finish, literal
from ui.charts.palette import class_colour

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")
ROOM = 24
"""Pixels between the title of an axis and its numbers, which are as wide as `100 %`."""


def accuracy_by_time(found: Comparison, chosen: str = "") -> go.Figure:
    """A point a backbone, its interval as a line; the size is told when it is pointed at.

    Args:
        found: the comparison.
        chosen: name of the backbone in use, which is drawn filled.
    """
    figure = go.Figure()
    order = list(backbones.BACKBONES)
    for one in found.contenders:
        title = literal(backbones.get(one.backbone).title)
        place = order.index(one.backbone) if one.backbone in order else len(order)
        colour, shape = class_colour(place), SYMBOLS[place % len(SYMBOLS)]
        low, high = one.accuracy.low, one.accuracy.high
        figure.add_scatter(
            x=[one.milliseconds],
            y=[100 * one.accuracy.value],
            error_y={
                "array": [100 * (high - one.accuracy.value)],
                "arrayminus": [100 * (one.accuracy.value - low)],
                "color": colour,
                "thickness": 2,
                "width": 5,
            },
            name=title,
            mode="markers",
            marker={
                "size": 12,
                "color": colour,
                "symbol": shape if one.backbone == chosen else f"{shape}-open",
                "line_width": 2.5,
            },
            customdata=[[title, literal(describe(one.accuracy)), f"{one.megabytes:.1f}"]],
            hovertemplate="%{customdata[0]}<br>right on %{customdata[1]}<br>"
            "%{x:.1f} ms a picture<br>%{customdata[2]} MB<extra></extra>",
            showlegend=True,
        )
    lowest = min(one.accuracy.low for one in found.contenders)
    highest = max(one.accuracy.high for one in found.contenders)
    room = max(1.0, 10 * (highest - lowest))
    slowest = max(one.milliseconds for one in found.contenders)
    figure.update_xaxes(
        title_text="ms a picture, on this machine", range=[0, 1.15 * slowest], fixedrange=True
    )
    figure.update_yaxes(
        title_text="right",
        ticksuffix=" %",
        range=[max(0.0, 100 * lowest - room), min(100.5, 100 * highest + room)],
        fixedrange=True,
        nticks=6,
    )
    finish(figure, height=300)
    return figure.update_yaxes(title_standoff=ROOM)
