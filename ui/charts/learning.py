"""Training curves by epoch or iteration, and the learning curve."""

from collections.abc import Iterable, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluation.learning_curve import LearningCurve
from core.evaluation.wording import describe
from core.jobs.events import Epoch, Kept
from ui.charts.drawing import ROOM, finish, literal, per_cents
from ui.charts.palette import ACCENT, CLEAR, NEUTRAL, WRONG, tint

AXIS_TITLES = {"epoch": "epoch", "iteration": "iteration of the solver"}


def training_curves(epochs: Sequence[Epoch], kept: Iterable[Kept] = ()) -> go.Figure:
    """Accuracy over loss by epoch or solver iteration, all phases on one axis.

    Args:
        epochs: at least one, in the order they ran. Their own numbers label the axis.
        kept: the epoch whose weights each phase kept; epoch 0 is drawn at the start of its phase.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    starts: dict[str, int] = {}
    for position, epoch in enumerate(epochs):
        starts.setdefault(epoch.phase, position)
    x, ticks = _positions(epochs)
    # A phase whose start has no epoch is drawn from its left edge.
    position_of: dict[tuple[str, int], float] = {
        (phase, 0): start + 0.5 for phase, start in starts.items()
    }
    position_of |= {(epoch.phase, epoch.epoch): at for at, epoch in zip(x, epochs, strict=True)}
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
    figure.update_xaxes(
        range=[0.5, len(epochs) + 0.5],
        tickvals=list(ticks),
        ticktext=list(ticks.values()),
    )
    units = dict.fromkeys(epoch.unit for epoch in epochs)
    title = ", then ".join(AXIS_TITLES[unit] for unit in units)
    figure.update_xaxes(title_text=title, row=2, col=1)
    shares = [y for trace in figure.data if trace.yaxis == "y" for y in trace.y if y is not None]
    figure.update_yaxes(title_text="accuracy", **per_cents(shares), row=1, col=1)
    figure.update_yaxes(title_text="loss", rangemode="tozero", row=2, col=1)
    last = epochs[-1]
    accuracies = {"accuracy": last.accuracy, "on validation": last.validation_accuracy}
    shown = [f"{name} {share:.2f}" for name, share in accuracies.items() if share is not None]
    alt = f"Training curves; last {last.unit}: {', '.join(shown)}"
    return finish(figure, alt, height=430, legend_y=1.07)


def _positions(epochs: Sequence[Epoch]) -> tuple[list[float], dict[float, int]]:
    """The position of each epoch on the axis, and the numbers of the ticks by position.

    A phase is as wide as it has points. Within it the axis is to scale: a solver records its first
    iterations more densely than later ones.
    """
    x: list[float] = []
    ticks: dict[float, int] = {}
    phases = dict.fromkeys(epoch.phase for epoch in epochs)
    for phase in phases:
        numbers = [epoch.epoch for epoch in epochs if epoch.phase == phase]
        first, span, offset = min(numbers), max(numbers) - min(numbers), len(x) + 1
        scale = (len(numbers) - 1) / span if span else 1
        x += [offset + scale * (number - first) for number in numbers]
        marks = range(first, first + span + 1, _step(span * len(phases)))
        ticks |= {offset + scale * (number - first): number for number in marks}
    return x, ticks


def learning_curve(curve: LearningCurve) -> go.Figure:
    """Accuracy by pictures per class, the interval as a band; each doubling has the same width."""
    x = [point.per_class for point in curve.points]
    low = [100 * point.accuracy.low for point in curve.points]
    high = [100 * point.accuracy.high for point in curve.points]
    figure = go.Figure(
        [
            go.Scatter(
                x=[*x, *reversed(x)],
                y=[*high, *reversed(low)],
                fill="toself",
                fillcolor=tint(ACCENT, 0.18),
                line_color=CLEAR,
                hoverinfo="skip",
                showlegend=False,
            ),
            go.Scatter(
                x=x,
                y=[100 * point.accuracy.value for point in curve.points],
                mode="lines+markers",
                line={"color": ACCENT, "width": 2},
                marker_size=8,
                customdata=[
                    [f"{point.per_class:.0f}", point.taught, literal(describe(point.accuracy))]
                    for point in curve.points
                ],
                hovertemplate="trained on %{customdata[0]} per class, %{customdata[1]:,} in all<br>"
                "accuracy %{customdata[2]}<extra></extra>",
                showlegend=False,
            ),
        ]
    )
    figure.update_xaxes(
        type="log",
        title_text="training pictures per class",
        tickvals=x,
        ticktext=[f"{value:,.0f}" for value in x],
        fixedrange=True,
    )
    figure.update_yaxes(title_text="accuracy", **per_cents([*low, *high]), fixedrange=True)
    ends = (
        f"{describe(point.accuracy)} with {point.per_class:.0f} training pictures per class"
        for point in (curve.points[0], curve.points[-1])
    )
    finish(figure, f"Learning curve: accuracy {', '.join(ends)}", height=300)
    return figure.update_yaxes(title_standoff=ROOM)


def _step(epochs: int) -> int:
    steps = (1, 2, 5, 10, 20, 50, 100)
    return next((step for step in steps if epochs / step <= 12), 1000)
