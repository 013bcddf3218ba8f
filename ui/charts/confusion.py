"""A confusion matrix whose cells can be clicked, of 2 to 100 classes and more."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from core.evaluation import confusion as confusions
from core.evaluation.report import Report
from ui.charts.drawing import finish, literal, row_axis
from ui.charts.palette import ACCENT, CLEAR, NEUTRAL, TEXT, WRONG, tint
from ui.text import share

Share = Literal["count", "row", "column"]

NUMBERED = 20
"""Up to so many classes, cells carry their numbers, and empty ones can be clicked too."""
DESCRIBED = 60
"""Cells with mistakes that the text alternative names."""
NAMED = 30
"""Up to so many classes, the columns carry names."""


def confusion_matrix(
    report: Report,
    *,
    values: Share = "count",
    chosen: tuple[int, int] | None = None,
) -> go.Figure:
    """Actual classes down, predicted across, correct answers and mistakes in two colours.

    Classes have the order that they have on every other chart of the report.

    Transparent squares lie over the cells, because a heat map reports no clicks; `customdata`
    of each is (actual class, predicted class, pictures), classes as indices. Beyond 20 classes
    only the cells that hold pictures have one.

    Args:
        report: of at least two classes.
        values: what cells show: pictures, or per cent of their row or column.
        chosen: actual and predicted class of a cell to put a frame around.
    """
    counts = np.array(report.confusion.counts)
    shares = confusions.shares(counts, axis=0 if values == "column" else 1)
    shown = counts if values == "count" else 100 * shares
    size, names = len(counts), report.classes
    diagonal = np.eye(size, dtype=bool)
    gap = 2 if size <= NUMBERED else 1 if size <= 50 else 0
    # Small cells without a number have to be seen from afar.
    weakest, strongest = (0.15, 0.7) if size <= NUMBERED else (0.4, 0.95)
    figure = go.Figure()
    for colour, inside in ((WRONG, ~diagonal), (ACCENT, diagonal)):
        # A mistake is as strong as a correct answer only where it is a quarter as frequent.
        most = max(float(shown[inside].max()), float(shown.max()) / 4)
        # The square root lets single mistakes be seen beside hundreds.
        figure.add_heatmap(
            z=np.where(inside, np.sqrt(shown / most), np.nan).astype(np.float32),
            zmin=0,
            zmax=1,
            showscale=False,
            hoverinfo="skip",
            xgap=gap,
            ygap=gap,
            colorscale=[
                [0, tint(NEUTRAL, 0.1)],
                [0.001, tint(colour, weakest)],
                [1, tint(colour, strongest)],
            ],
        )
    every = size <= NUMBERED
    rows, columns = np.nonzero(np.ones_like(counts) if every else counts)
    of = "column" if values == "column" else "row"
    figure.add_scatter(
        x=columns.tolist(),
        y=rows.tolist(),
        mode="markers",
        # Small enough not to overlap at 380 pixels, or the wrong one would take the click.
        marker={"symbol": "square", "size": max(3, min(12, 180 / size)), "color": CLEAR},
        selected_marker={"color": tint(NEUTRAL, 0.6), "size": max(8, 0.7 * _row_height(size))},
        unselected_marker={"opacity": 1},
        customdata=[
            [int(r), int(c), int(counts[r, c])] for r, c in zip(rows, columns, strict=True)
        ],
        text=[
            f"Actual <b>{literal(names[r])}</b><br>Predicted <b>{literal(names[c])}</b><br>"
            f"{counts[r, c]} {'picture' if counts[r, c] == 1 else 'pictures'}, "
            f"{literal(share(shares[r, c]))} of the {of}"
            for r, c in zip(rows, columns, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    if every:
        # All at once: one by one takes seconds for 400 of them.
        figure.layout.annotations = [
            {
                "x": int(c),
                "y": int(r),
                "text": f"{counts[r, c]}"
                if values == "count"
                else literal(share(shares[r, c]).removesuffix(" %")),
                "showarrow": False,
                "font": {"size": 13 if size <= 10 else 10},
            }
            for r, c in zip(*np.nonzero(counts), strict=True)
        ]
    if chosen is not None:
        row, column = chosen
        # At least as large as can be seen, where cells are small.
        around = max(0.5, size / 100)
        figure.add_shape(
            type="rect",
            x0=column - around,
            x1=column + around,
            y0=row - around,
            y1=row + around,
            line={"color": TEXT, "width": 2},
        )
    small = 12 if size <= NUMBERED else 10 if size <= 50 else 9
    figure.update_xaxes(
        **row_axis(names, 12) | {"range": [-0.5, size - 0.5]},
        ticks="",
        side="top",
        tickangle=None if every else -90,
        autotickangles=[0, -90],  # horizontal where they fit
        tickfont_size=small,
        showticklabels=size <= NAMED,
        title_text="Predicted" if every else "Actual ↓   Predicted →",
    )
    figure.update_yaxes(
        **row_axis(names, 14),
        ticks="",
        # In the middle of many rows it would be out of sight.
        title_text="Actual" if every else None,
        tickangle=0,
        tickfont_size=small,
    )
    # A click anywhere in a cell is nearest to its own square where every cell has one.
    figure.update_layout(hoverdistance=-1 if every else 4)
    finish(
        figure, _alternative(counts, names), height=150 + size * _row_height(size), showlegend=False
    )
    if not every:
        # Plotly would draw everything twice for margins that it works out by itself.
        top = 100 if size <= NAMED else 36
        longest = max(min(len(name), 14) for name in names)
        figure.update_layout(margin={"l": 16 + 6 * longest, "t": top, "r": 8, "b": 8})
        figure.update_xaxes(automargin=False)
        figure.update_yaxes(automargin=False)
    return figure


def _alternative(counts: np.ndarray, names: Sequence[str]) -> str:
    """The numbers of the matrix in words; of a large matrix, those of the commonest mistakes."""
    rows, columns = np.nonzero(counts * (1 - np.eye(len(names), dtype=int)))
    mistakes = sorted(
        zip(rows.tolist(), columns.tolist(), strict=True), key=lambda cell: -counts[cell]
    )
    hits = [f"{name} {counts[i, i]} of {counts[i].sum()}" for i, name in enumerate(names)]
    described = [f"{counts[r, c]} {names[r]} predicted {names[c]}" for r, c in mistakes[:DESCRIBED]]
    remaining = [f"and {len(mistakes) - DESCRIBED} more cells"] if len(mistakes) > DESCRIBED else []
    return (
        "Confusion matrix, actual classes down, predicted classes across. "
        f"Correct: {', '.join(hits)}. Mistakes: {', '.join(described + remaining) or 'none'}."
    )


def _row_height(size: int) -> int:
    steps = ((3, 70), (8, 44), (NUMBERED, 26), (50, 16))
    return next((height for most, height in steps if size <= most), 12)
