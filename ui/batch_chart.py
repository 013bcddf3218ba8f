"""Draw how many pictures were given each label."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from ui.drawing import finish, literal, pairs
from ui.palette import ACCENT, NEUTRAL, tint


def label_counts(labels: Sequence[str], counts: Sequence[int], *, limit: int = 34) -> go.Figure:
    """Name over bar, number at the right, in the order given.

    Args:
        limit: letters of a name before it is cut.
    """
    rows = list(range(len(labels)))
    most = max(counts, default=1)
    figure = go.Figure(
        [
            go.Bar(x=[most] * len(rows), marker_color=tint(NEUTRAL, 0.18), hoverinfo="skip"),
            go.Bar(
                x=list(counts),
                marker_color=ACCENT,
                customdata=[literal(name) for name in labels],
                hovertemplate="%{customdata}<br>%{x:,}<extra></extra>",
            ),
        ]
    )
    figure.update_traces(y=rows, orientation="h", width=0.3)
    for row, (name, count) in enumerate(pairs(labels, counts)):
        for x, anchor, text in ((0, "left", literal(name, limit)), (most, "right", f"{count:,}")):
            figure.add_annotation(
                x=x,
                y=row - 0.17,
                text=text,
                xanchor=anchor,
                yanchor="bottom",
                showarrow=False,
                font_size=14,
                borderpad=0,
            )
    figure.update_xaxes(range=[0, most], visible=False, fixedrange=True)
    figure.update_yaxes(range=[len(rows) - 0.7, -0.75], visible=False, fixedrange=True)
    margin = {"l": 4, "r": 8, "t": 8, "b": 4}
    height = 44 * len(rows) + 16
    return finish(figure, height=height, margin=margin, barmode="overlay", showlegend=False)
