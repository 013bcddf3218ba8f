"""What all charts share: text shown as it stands, and a frame that suits any page."""

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from ui.charts.palette import CLEAR, NEUTRAL, TEXT, tint

PLAIN = {"displayModeBar": False}
"""How Streamlit is to show a figure: without Plotly's buttons."""

GRID = tint(NEUTRAL, 0.25)

PERCENTS = {
    "tickvals": [0, 25, 50, 75, 100],
    "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"],
    "range": [-1, 102],
}
"""An axis from 0 to 100 %."""


def literal(text: str, limit: int | None = None) -> str:
    """Text that Plotly shows as it stands: no markup, no entities, no formulas, one line."""
    text = " ".join(text.split())
    if limit is not None and len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;")):
        text = text.replace(sign, entity)
    return text


def share(value: float) -> str:
    """A probability or share as text: `85 %`, with a decimal near the ends, never a false 100."""
    if 0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1:
        return "> 99.9 %"
    near = 0 < value < 0.01 or 0.99 < value < 1
    return f"{100 * value:.{1 if near else 0}f} %"


AXIS = {
    "gridcolor": GRID,
    "zeroline": False,
    "automargin": True,
    "title_standoff": 8,
    "tickfont_color": TEXT,
    # Else Plotly measures every label twice, to hide those beyond the edge: half its time.
    "ticklabeloverflow": "allow",
}


def finish(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure its frame: height in pixels, no background, the page's text colour."""
    figure.update_layout(_frame(height) | layout, overwrite=True)
    figure.update_xaxes(AXIS, overwrite=True)
    figure.update_yaxes(AXIS, overwrite=True)
    return figure


def _frame(height: int) -> dict[str, Any]:
    return {
        "height": height,
        # At the right, room for half of the last tick of an axis, which may be `100 %`.
        "margin": {"l": 4, "r": 24, "t": 8, "b": 4},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "dragmode": False,
        "font": {"color": TEXT},
        "hovermode": "closest",
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
        },
    }


def named_bars(
    names: Sequence[str],
    values: Sequence[float],
    shown: Sequence[str],
    *,
    most: float,
    told: Sequence[str],
    colours: Sequence[str],
) -> go.Figure:
    """A bar a row, its name over it, what it comes to at the right.

    Args:
        names, values, shown: of each row, in the order to draw; text as Plotly takes it.
        most: the value of a full bar.
        told: of each row when it is pointed at, above `shown`.
        colours: of each bar.
    """
    rows = list(range(len(names)))
    bar = {"type": "bar", "y": rows, "orientation": "h", "width": 0.3}
    hidden = {"visible": False, "fixedrange": True}
    # Made in one piece, since every answer shows one: a change of a figure costs Plotly more
    # than all of this does.
    return go.Figure(
        data=[
            bar
            | {
                "x": [most] * len(rows),
                "marker": {"color": tint(NEUTRAL, 0.18)},
                "hoverinfo": "skip",
            },
            bar
            | {
                "x": list(values),
                "marker": {"color": list(colours)},
                "customdata": [list(pair) for pair in pairs(told, shown)],
                "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            },
        ],
        layout=_frame(44 * len(rows) + 16)
        | {
            "margin": {"l": 4, "r": 8, "t": 8, "b": 4},
            "barmode": "overlay",
            "showlegend": False,
            "xaxis": AXIS | hidden | {"range": [0, most]},
            "yaxis": AXIS | hidden | {"range": [len(rows) - 0.7, -0.75]},
            "annotations": [
                {
                    "x": x,
                    "y": row - 0.17,
                    "text": text,
                    "xanchor": anchor,
                    "yanchor": "bottom",
                    "showarrow": False,
                    "font": {"size": 14},
                    "borderpad": 0,
                }
                for row, (name, comes_to) in enumerate(pairs(names, shown))
                for x, anchor, text in ((0, "left", name), (most, "right", comes_to))
            ],
        },
    )


def per_cents(shares: Iterable[float]) -> dict[str, Any]:
    """An axis that begins below the least of some per cents, and has no tick beyond 100 %."""
    known = list(shares)
    low, high = min(known, default=0), max(known, default=100)
    room = max((high - low) / 12, 1)
    low, high = max(0, low - room), min(100, high + room)
    step = next(step for step in (1, 2, 5, 10, 20) if (high - low) / step <= 6)
    ticks = [tick for tick in range(0, 101, step) if low <= tick <= high]
    return {
        "tickvals": ticks,
        "ticktext": [f"{tick} %" for tick in ticks],
        # Room for half of a marker at the end.
        "range": [low, high + (high - low) / 40],
    }


def pairs(first: Iterable[Any], second: Iterable[Any]) -> Iterable[tuple[Any, Any]]:
    """Items of two sequences of one length."""
    return zip(first, second, strict=True)
