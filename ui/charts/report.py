"""Draw a report or a history: pure functions to Plotly figures, for light and dark pages.

Figures have no title and no background; the page gives them. Text takes the page's colour.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluation.report import Estimate, Report
from core.evaluation.wording import describe
from ui.charts.bakeoff import accuracy_by_time
from ui.charts.certainty import class_curves, coverage, reliability
from ui.charts.confusion import confusion_matrix
from ui.charts.drawing import PERCENTS, finish, literal, named_bars, per_cents, share
from ui.charts.learning_curve import learning_curve
from ui.charts.palette import ACCENT, NEUTRAL, WRONG, tint

__all__ = [
    "accuracy_by_time",
    "class_curves",
    "confusion_matrix",
    "coverage",
    "learning_curve",
    "per_class",
    "probability_bars",
    "reliability",
    "share",
    "training_curves",
]

Measure = Literal["precision", "recall", "f1"]
AXIS_TITLES = {"epoch": "epoch", "iteration": "iteration of the solver"}


class Epoch(Protocol):
    """What a chart needs of `core.jobs.events.Epoch`."""

    phase: str
    unit: str
    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None


class Kept(Protocol):
    """What a chart needs of `core.jobs.events.Kept`."""

    phase: str
    epoch: int
    validation_loss: float
    validation_accuracy: float


def probability_bars(
    labels: Sequence[str],
    probabilities: Sequence[float],
    *,
    truth: int | None = None,
    limit: int = 34,
) -> go.Figure:
    """What a picture may show, likeliest first: name over bar, probability at the right.

    Args:
        labels, probabilities: one a row, in the order to draw.
        truth: position of the true class, if known; its row says so.
        limit: letters of a name before it is cut; 34 fit beside the number at 380 pixels.
    """
    names = [
        f"{literal(name, max(limit - 12, 8))} · <i>its label</i>"
        if row == truth
        else literal(name, limit)
        for row, name in enumerate(labels)
    ]
    return named_bars(
        names,
        probabilities,
        [literal(share(p)) for p in probabilities],
        most=1.0,
        told=[literal(name) for name in labels],
        colours=[ACCENT if row == 0 else tint(ACCENT, 0.55) for row in range(len(labels))],
    )


def training_curves(epochs: Sequence[Epoch], kept: Iterable[Kept] = ()) -> go.Figure:
    """Accuracy over loss by epoch or solver iteration, all phases on one axis.

    Args:
        epochs: in the order they ran; may be empty. Their own numbers label the axis.
        kept: which epoch each phase went on with.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    starts: dict[str, int] = {}
    for position, epoch in enumerate(epochs):
        starts.setdefault(epoch.phase, position)
    x = list(range(1, len(epochs) + 1))
    position_of = {
        (epoch.phase, epoch.epoch): place for place, epoch in zip(x, epochs, strict=True)
    }
    hover = [[literal(epoch.phase), epoch.unit, epoch.epoch] for epoch in epochs]
    mode = "lines+markers" if len(epochs) <= 40 else "lines"
    for name, prefix, line in (
        ("training", "", {"color": NEUTRAL, "dash": "dot"}),
        ("validation", "validation_", {"color": ACCENT}),
    ):
        for row, field, scale in ((1, "accuracy", 100), (2, "loss", 1)):
            y = [getattr(epoch, prefix + field) for epoch in epochs]
            if prefix and all(v is None for v in y):
                continue
            unit = "%{y:.1f} %" if field == "accuracy" else "%{y:.3f}"
            figure.add_scatter(
                x=x,
                y=[None if v is None else scale * v for v in y],
                row=row,
                col=1,
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                mode=mode,
                line=line,
                marker_size=5,
                customdata=hover,
                hovertemplate=f"{unit}<br>%{{customdata[0]}}, %{{customdata[1]}} %{{customdata[2]}}"
                f"<extra>{name}</extra>",
            )
    marks = [(position_of[k.phase, k.epoch], k) for k in kept if (k.phase, k.epoch) in position_of]
    for row, field, scale in ((1, "validation_accuracy", 100), (2, "validation_loss", 1)):
        if marks:
            figure.add_scatter(
                x=[position for position, _ in marks],
                y=[scale * getattr(k, field) for _, k in marks],
                row=row,
                col=1,
                name="kept",
                legendgroup="kept",
                showlegend=row == 1,
                mode="markers",
                marker={"symbol": "circle-open", "size": 14, "color": WRONG, "line_width": 2.5},
                cliponaxis=False,
                hovertemplate="these weights were kept<extra></extra>",
            )
    for phase, start in starts.items():
        if len(starts) == 1:
            break
        if start:
            figure.add_vline(x=start + 0.5, line={"color": NEUTRAL, "dash": "dash", "width": 1})
        figure.add_annotation(
            x=start + 0.5,
            y=1,
            xref="x",
            yref="paper",
            text=literal(phase, 16),
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            font_size=12,
        )
    ticks = range(0, len(epochs), _step(len(epochs)))
    figure.update_xaxes(
        range=[0.5, max(len(epochs), 1) + 0.5],
        tickvals=[x[place] for place in ticks],
        ticktext=[epochs[place].epoch for place in ticks],
    )
    units = dict.fromkeys(epoch.unit for epoch in epochs)
    titles = [AXIS_TITLES[unit] for unit in units] or ["epoch"]
    figure.update_xaxes(title_text=", then ".join(titles), row=2, col=1)
    shares = [y for trace in figure.data if trace.yaxis == "y" for y in trace.y if y is not None]
    figure.update_yaxes(title_text="accuracy", **per_cents(shares), row=1, col=1)
    figure.update_yaxes(title_text="loss", rangemode="tozero", row=2, col=1)
    return finish(figure, height=430, legend_y=1.07)


def per_class(report: Report, measure: Measure = "f1", *, worst_first: bool = True) -> go.Figure:
    """One measure of every class as a bar, its interval as a line.

    Classes for which the measure is not defined come last and say so.
    """
    scores = [(getattr(score, measure), score) for score in report.per_class]
    if worst_first:
        scores.sort(key=lambda pair: 2.0 if pair[0] is None else pair[0].value)
    rows = list(range(len(scores)))
    known: list[Estimate] = [e or Estimate(value=0, low=0, high=0) for e, _ in scores]
    figure = go.Figure(
        go.Bar(
            y=rows,
            x=[100 * e.value for e in known],
            orientation="h",
            width=0.7,
            marker_color=tint(ACCENT, 0.4),
            error_x={
                "array": [100 * (e.high - e.value) for e in known],
                "arrayminus": [100 * (e.value - e.low) for e in known],
                "color": ACCENT,
                "thickness": 2,
                "width": 0 if len(rows) > 40 else 4,
            },
            customdata=[
                [literal(s.name), describe(e) if e else "not defined", s.support] for e, s in scores
            ],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>"
            "%{customdata[2]} test pictures<extra></extra>",
        )
    )
    for row, (estimate, score) in enumerate(scores):
        if estimate is None:
            figure.add_annotation(
                x=0,
                y=row,
                xanchor="left",
                showarrow=False,
                font_size=11,
                text="no test pictures" if not score.support else "never predicted",
            )
    figure.update_xaxes(**PERCENTS, fixedrange=True, side="top")
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[literal(s.name, 18) for _, s in scores],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        tickfont_size=12 if len(rows) <= 40 else 10,
    )
    few = len(rows) <= 40
    finish(figure, height=(26 if few else 15) * len(rows) + 50)
    if not few:
        # Plotly would draw all of it anew for a margin that it finds out by itself.
        figure.update_layout(margin={"l": 112, "r": 24, "t": 32, "b": 4})
        figure.update_yaxes(automargin=False, tickangle=0)
    return figure


def _step(epochs: int) -> int:
    return next(
        step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if epochs / step <= 12 or step == 1000
    )
