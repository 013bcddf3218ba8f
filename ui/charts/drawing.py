"""Literal text, axes, and a layout for light and dark pages, which all charts share.

Figures have no title and no background; the page gives them. Text takes the page's colour.
"""

import html
from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go

from core.evaluation.report import Estimate
from ui.charts.palette import CLEAR, NEUTRAL, TEXT, tint

PLAIN = {"displayModeBar": False}
"""Options with which Streamlit shows a figure without Plotly's buttons."""

ROOM = 24
"""Pixels between the title of an axis and its numbers, which are as wide as `100 %`."""

PERCENTS = {
    "tickvals": [0, 25, 50, 75, 100],  # to which Plotly would add no `ticksuffix`
    "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"],
    "range": [-1, 102],
}
"""An axis from 0 to 100 %."""


def literal(text: str, limit: int | None = None) -> str:
    """Text that Plotly shows as it stands: no markup, no entities, no formulas, one line."""
    text = " ".join(text.split())
    if limit is not None and len(text) > limit:
        text = text[: limit - 1].rstrip() + "…"
    return html.escape(text, quote=False).replace("$", "&#36;")


AXIS = {
    "gridcolor": tint(NEUTRAL, 0.25),
    "zeroline": False,
    "automargin": True,
    "title_standoff": 8,
    "tickfont_color": TEXT,
    # Otherwise Plotly measures every label twice to hide those beyond the edge, half of its time.
    "ticklabeloverflow": "allow",
}


def finish(figure: go.Figure, alt: str, height: int, **layout: Any) -> go.Figure:
    """Give a figure its layout: no background, the page's text colour.

    Args:
        alt: the text alternative, which is kept in `layout.meta`.
        height: in pixels.
        layout: further properties.
    """
    frame = {
        "meta": alt,
        "height": height,
        # At the right, space for half of the last tick of an axis, which may be `100 %`.
        "margin": {"l": 4, "r": 24, "t": 8, "b": 4},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "dragmode": False,
        "font": {"color": TEXT},
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    }
    figure.update_layout(frame | layout, overwrite=True)
    figure.update_xaxes(AXIS, overwrite=True)
    figure.update_yaxes(AXIS, overwrite=True)
    return figure


def per_cents(shares: Iterable[float]) -> dict[str, Any]:
    """An axis that begins below the least of some per cents, and has no tick beyond 100 %."""
    values = list(shares)
    low, high = min(values, default=0), max(values, default=100)
    margin = max((high - low) / 12, 1)
    low, high = max(0, low - margin), min(100, high + margin)
    step = next(step for step in (1, 2, 5, 10, 20) if (high - low) / step <= 6)
    ticks = [tick for tick in range(0, 101, step) if low <= tick <= high]
    return {
        "tickvals": ticks,
        "ticktext": [f"{tick} %" for tick in ticks],
        # Space for half of a marker at the end.
        "range": [low, high + (high - low) / 40],
    }


def error_bars(estimates: Iterable[Estimate], colour: str, **style: Any) -> dict[str, Any]:
    """Intervals as lines around the per cents of estimates."""
    listed = list(estimates)
    return {
        "array": [100 * (estimate.high - estimate.value) for estimate in listed],
        "arrayminus": [100 * (estimate.value - estimate.low) for estimate in listed],
        "color": colour,
        "thickness": 2,
    } | style


def row_axis(names: Iterable[str], limit: int) -> dict[str, Any]:
    """A vertical axis with one name per row, the first on top; names are cut at `limit` letters."""
    listed = [literal(name, limit) for name in names]
    return {
        "tickmode": "array",
        "tickvals": list(range(len(listed))),
        "ticktext": listed,
        "range": [len(listed) - 0.5, -0.5],
        "showgrid": False,
    }
