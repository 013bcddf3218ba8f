"""Runs or backbones compared: how often each is right, its interval, and its speed."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import plotly.graph_objects as go

from core import backbones
from core.bakeoff.result import Comparison
from core.evaluation.report import Estimate
from core.evaluation.wording import describe
from ui.charts.drawing import ROOM, error_bars, finish, literal, per_cents, row_axis
from ui.charts.palette import ACCENT, NEUTRAL, class_colour

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "hexagon", "pentagon")
ROW = 44
"""Pixels that a run takes."""
NAME = 16
"""Letters of a name before it is cut, which leaves space for the chart at 380 pixels."""
FEWEST = 0.1
"""Least width of the axis of accuracies, so that a tiny difference does not look large."""


def accuracies(names: Sequence[str], estimates: Sequence[Estimate]) -> go.Figure:
    """One row per run, the first on top and filled: accuracy as a point, interval as a line.

    Args:
        names: of the runs.
        estimates: the accuracy of each.
    """
    rows = list(range(len(names)))
    figure = go.Figure(
        go.Scatter(
            x=[100 * estimate.value for estimate in estimates],
            y=rows,
            mode="markers",
            error_x=error_bars(estimates, ACCENT, width=6),
            marker={
                "size": 12,
                "color": ACCENT,
                "symbol": ["circle", *["circle-open"] * (len(rows) - 1)],
                "line_width": 2.5,
            },
            customdata=[
                [literal(name), literal(describe(estimate))]
                for name, estimate in zip(names, estimates, strict=True)
            ],
            hovertemplate="%{customdata[0]}<br>accuracy %{customdata[1]}<extra></extra>",
        )
    )
    figure.add_vline(
        x=100 * estimates[0].value,
        line={"color": NEUTRAL, "dash": "dot", "width": 1},
        layer="below",
    )
    figure.update_xaxes(**_accuracy_axis(estimates), title_text="accuracy", fixedrange=True)
    figure.update_yaxes(**row_axis(names, NAME), fixedrange=True)
    figures = zip(ascii_uppercase, map(describe, estimates), strict=False)
    alt = f"Accuracy: {'; '.join(map(' '.join, figures))}"
    return finish(figure, alt, height=ROW * len(rows) + 60, showlegend=False)


def _accuracy_axis(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """An axis that shows every interval; a tiny difference does not look large."""
    low = min(estimate.low for estimate in estimates)
    high = max(estimate.high for estimate in estimates)
    margin = max(0.0, (FEWEST - (high - low)) / 2)
    return per_cents([100 * max(0.0, low - margin), 100 * min(1.0, high + margin)])


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
    slowest = max(candidate.milliseconds for candidate in comparison.contenders)
    figure.update_xaxes(
        title_text="ms per picture, on this machine", range=[0, 1.15 * slowest], fixedrange=True
    )
    figure.update_yaxes(
        **_accuracy_axis([candidate.accuracy for candidate in comparison.contenders]),
        title_text="accuracy",
        fixedrange=True,
    )
    candidates = (
        f"{backbones.get(candidate.backbone).title} {describe(candidate.accuracy)} in "
        f"{candidate.milliseconds:.0f} ms"
        for candidate in comparison.contenders
    )
    finish(figure, f"Accuracy by time: {'; '.join(candidates)}", height=300)
    return figure.update_yaxes(title_standoff=ROOM)
