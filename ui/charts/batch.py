"""Draw how many pictures were given each label."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from ui.charts.drawing import literal, named_bars
from ui.charts.palette import ACCENT


def label_counts(labels: Sequence[str], counts: Sequence[int], *, limit: int = 34) -> go.Figure:
    """Name over bar, number at the right, in the order given.

    Args:
        limit: letters of a name before it is cut.
    """
    return named_bars(
        [literal(name, limit) for name in labels],
        counts,
        [f"{count:,}" for count in counts],
        most=max(counts, default=1),
        told=[literal(name) for name in labels],
        colours=[ACCENT] * len(labels),
    )
