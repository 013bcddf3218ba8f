"""Draw a report or a history: pure functions to Plotly figures, for light and dark pages.

Figures have no title, no background and no text colour of their own; the page gives them.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.evaluation.confusion import by_column, by_row
from core.evaluation.report import Certainty, Estimate, Reliability, Report
from core.evaluation.wording import describe
from ui.palette import ACCENT, CLEAR, NEUTRAL, WRONG, class_colour, class_dash, tint

Measure = Literal["precision", "recall", "f1"]
Share = Literal["count", "row", "column"]

GRID = tint(NEUTRAL, 0.25)
NUMBERED = 20
"""Up to so many classes, the cells of a confusion matrix carry their numbers."""
NAMED = 30
"""Up to so many classes, its columns carry names."""


class Epoch(Protocol):
    """What a chart needs of `core.training.events.Epoch`."""

    phase: str
    epoch: int
    loss: float
    accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None


class Kept(Protocol):
    """What a chart needs of `core.training.events.Kept`."""

    phase: str
    epoch: int
    validation_loss: float
    validation_accuracy: float


def plain(text: str, limit: int | None = None) -> str:
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


def probability_bars(
    labels: Sequence[str], probabilities: Sequence[float], *, truth: int | None = None
) -> go.Figure:
    """What a picture may show, likeliest first: name over bar, probability at the right.

    Args:
        labels, probabilities: one a row, in the order to draw.
        truth: position of the true class, if known; its row says so.
    """
    rows = list(range(len(labels)))
    figure = go.Figure(
        [
            go.Bar(x=[1.0] * len(rows), marker_color=tint(NEUTRAL, 0.18), hoverinfo="skip"),
            go.Bar(
                x=list(probabilities),
                marker_color=[ACCENT if row == 0 else tint(ACCENT, 0.55) for row in rows],
                customdata=[
                    [plain(name), plain(share(p))] for name, p in _pairs(labels, probabilities)
                ],
                hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
            ),
        ]
    )
    figure.update_traces(y=rows, orientation="h", width=0.3)
    for row, (name, probability) in enumerate(_pairs(labels, probabilities)):
        said = plain(name, 40) + (" · <i>its label</i>" if row == truth else "")
        for x, anchor, text in ((0, "left", said), (1, "right", plain(share(probability)))):
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
    figure.update_xaxes(range=[0, 1], visible=False, fixedrange=True)
    figure.update_yaxes(range=[len(rows) - 0.7, -0.75], visible=False, fixedrange=True)
    return _finish(figure, height=44 * len(rows) + 16, barmode="overlay", showlegend=False)


def training_curves(epochs: Sequence[Epoch], kept: Iterable[Kept] = ()) -> go.Figure:
    """Accuracy over loss by epoch, training and validation, all phases on one axis.

    Args:
        epochs: in the order they ran; may be empty.
        kept: which epoch each phase went on with.
    """
    figure = make_subplots(rows=2, shared_xaxes=True, vertical_spacing=0.07)
    starts: dict[str, int] = {}
    for position, epoch in enumerate(epochs):
        starts.setdefault(epoch.phase, position)
    x = list(range(1, len(epochs) + 1))
    hover = [[plain(epoch.phase), epoch.epoch] for epoch in epochs]
    mode = "lines+markers" if len(epochs) <= 40 else "lines"
    for name, prefix, line in (
        ("training", "", {"color": NEUTRAL, "dash": "dot"}),
        ("validation", "validation_", {"color": ACCENT}),
    ):
        for row, field, scale in ((1, "accuracy", 100), (2, "loss", 1)):
            y = [getattr(epoch, prefix + field) for epoch in epochs]
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
                hovertemplate=f"{unit}<br>%{{customdata[0]}}, epoch %{{customdata[1]}}"
                f"<extra>{name}</extra>",
            )
    marks = [(starts[k.phase] + k.epoch, k) for k in kept if k.phase in starts]
    marks = [(position, k) for position, k in marks if position > 0]
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
                hovertemplate="the weights of this epoch were kept<extra></extra>",
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
            text=plain(phase, 16),
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            font_size=12,
        )
    figure.update_xaxes(range=[0.5, max(len(epochs), 1) + 0.5], dtick=_step(len(epochs)))
    figure.update_xaxes(title_text="epoch", row=2, col=1)
    figure.update_yaxes(title_text="accuracy", ticksuffix=" %", row=1, col=1)
    figure.update_yaxes(title_text="loss", rangemode="tozero", row=2, col=1)
    return _finish(figure, height=430, legend_y=1.07)


def confusion_matrix(
    report: Report, *, values: Share = "count", clustered: bool = True
) -> go.Figure:
    """True classes down, predicted classes across, right answers and mistakes in two colours.

    Squares without colour lie over the cells that hold pictures, because a heat map reports no
    clicks; `customdata` of each is (true class, predicted class, pictures), as indices.

    Args:
        report: of at least two classes.
        values: what cells show: pictures, or per cent of their row or column.
        clustered: classes that are taken for each other stand together; else as given.
    """
    places = list(report.confusion.order) if clustered else list(range(len(report.classes)))
    counts = np.array(report.confusion.counts)[np.ix_(places, places)]
    shares = by_column(counts) if values == "column" else by_row(counts)
    shown = counts if values == "count" else 100 * shares
    size = len(places)
    names = [report.classes[i] for i in places]
    diagonal = np.eye(size, dtype=bool)
    gap = 2 if size <= NUMBERED else 1 if size <= 50 else 0
    figure = go.Figure()
    for colour, inside in ((WRONG, ~diagonal), (ACCENT, diagonal)):
        most = float(shown[inside].max()) or 1.0
        # The square root lets single mistakes be seen beside hundreds.
        figure.add_heatmap(
            z=[
                [float(np.sqrt(v / most)) if i else None for v, i in _pairs(row, where)]
                for row, where in _pairs(shown, inside)
            ],
            zmin=0,
            zmax=1,
            showscale=False,
            hoverinfo="skip",
            xgap=gap,
            ygap=gap,
            colorscale=[
                [0, tint(NEUTRAL, 0.1)],
                [0.001, tint(colour, 0.15)],
                [1, tint(colour, 0.7)],
            ],
        )
    rows, columns = np.nonzero(counts)
    of = "column" if values == "column" else "row"
    figure.add_scatter(
        x=columns.tolist(),
        y=rows.tolist(),
        mode="markers",
        marker={"symbol": "square", "size": max(4, min(40, 320 / size)), "color": CLEAR},
        selected_marker={"color": tint(NEUTRAL, 0.6)},
        unselected_marker={"opacity": 1},
        customdata=[[places[r], places[c], int(counts[r, c])] for r, c in _pairs(rows, columns)],
        text=[
            f"It was <b>{plain(names[r])}</b><br>It said <b>{plain(names[c])}</b><br>"
            f"{counts[r, c]} {'picture' if counts[r, c] == 1 else 'pictures'}, "
            f"{plain(share(shares[r, c]))} of the {of}"
            for r, c in _pairs(rows, columns)
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    if size <= NUMBERED:
        for r, c in _pairs(rows, columns):
            figure.add_annotation(
                x=int(c),
                y=int(r),
                text=f"{shown[r, c]:.0f}",
                showarrow=False,
                font_size=13 if size <= 10 else 10,
            )
    ticks = {"tickmode": "array", "tickvals": list(range(size)), "showgrid": False, "ticks": ""}
    small = 12 if size <= NUMBERED else 10 if size <= 50 else 9
    figure.update_xaxes(
        **ticks,
        ticktext=[plain(name, 12) for name in names],
        range=[-0.5, size - 0.5],
        side="top",
        tickangle=0 if size <= 3 else -90,
        tickfont_size=small,
        showticklabels=size <= NAMED,
        title_text="It said" if size <= NAMED else "It said (in the order of the rows)",
    )
    figure.update_yaxes(
        **ticks,
        ticktext=[plain(name, 14) for name in names],
        range=[size - 0.5, -0.5],
        title_text="It was",
        tickfont_size=small,
    )
    return _finish(figure, height=_matrix_height(size), showlegend=False)


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
                [plain(s.name), describe(e) if e else "not defined", s.support] for e, s in scores
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
    figure.update_xaxes(range=[0, 101], ticksuffix=" %", fixedrange=True, side="top")
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[plain(s.name, 18) for _, s in scores],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        fixedrange=True,
        tickfont_size=12 if len(rows) <= 40 else 10,
    )
    return _finish(figure, height=(26 if len(rows) <= 40 else 15) * len(rows) + 50)


def reliability(certainty: Certainty) -> go.Figure:
    """How often answers are right, by how sure they were; before and after scaling.

    The dashed line is where both agree; points below it were too sure of themselves.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        line={"color": NEUTRAL, "dash": "dash", "width": 1},
    )
    plots: list[tuple[str, Reliability, str, str, str]] = []
    if certainty.after is None:
        plots.append(("as it answers", certainty.before, ACCENT, "circle", "solid"))
    else:
        plots.append(("before scaling", certainty.before, NEUTRAL, "circle-open", "dot"))
        plots.append(("after scaling", certainty.after, ACCENT, "circle", "solid"))
    for name, found, colour, symbol, dash in plots:
        accuracies = [b.accuracy for b in found.bins]
        figure.add_scatter(
            x=[100 * b.confidence for b in found.bins],
            y=[100 * a.value for a in accuracies],
            error_y={
                "array": [100 * (a.high - a.value) for a in accuracies],
                "arrayminus": [100 * (a.value - a.low) for a in accuracies],
                "color": tint(colour, 0.5),
                "thickness": 1.5,
                "width": 3,
            },
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 1.5},
            marker={"symbol": symbol, "size": 9, "color": colour},
            customdata=[[b.count, describe(b.accuracy)] for b in found.bins],
            hovertemplate="%{customdata[0]} pictures<br>%{x:.0f} % sure<br>"
            "right: %{customdata[1]}<extra></extra>",
        )
    figure.update_xaxes(title_text="how sure it was", ticksuffix=" %", range=[0, 102])
    figure.update_yaxes(title_text="how often right", ticksuffix=" %", range=[0, 102])
    return _finish(figure, height=380, showlegend=len(plots) > 1)


def coverage(certainty: Certainty, threshold: float | None = None) -> go.Figure:
    """Share of wrong answers by share of pictures answered, least sure ones left out first.

    Args:
        certainty: of a report.
        threshold: marked on the line; the report's own where left out.
    """
    points = certainty.coverage
    if threshold is None and certainty.threshold is not None:
        threshold = certainty.threshold.value
    figure = go.Figure(
        go.Scatter(
            x=[100 * p.coverage for p in points],
            y=[100 * p.error for p in points],
            mode="lines" if len(points) > 1 else "markers",
            name="error",
            line={"color": ACCENT, "width": 2, "shape": "hv"},
            customdata=[plain(share(p.threshold)) for p in points],
            hovertemplate="answers %{x:.0f} %<br>%{y:.1f} % of them wrong<br>"
            "from %{customdata} sure<extra></extra>",
        )
    )
    answered = [p for p in points if threshold is not None and p.threshold >= threshold]
    if answered:
        figure.add_scatter(
            x=[100 * answered[-1].coverage],
            y=[100 * answered[-1].error],
            mode="markers",
            marker={"symbol": "diamond", "size": 13, "color": WRONG},
            hoverinfo="skip",
            name=f"threshold {plain(share(threshold or 0))}",
        )
    figure.update_xaxes(title_text="pictures answered", ticksuffix=" %", range=[0, 102])
    figure.update_yaxes(title_text="wrong among them", ticksuffix=" %", rangemode="tozero")
    return _finish(figure, height=340, showlegend=bool(answered))


def class_curves(
    report: Report,
    kind: Literal["roc", "precision_recall"] = "roc",
    labels: Iterable[int] | None = None,
) -> go.Figure:
    """ROC or precision–recall, a line a class.

    Args:
        report: of any number of classes.
        kind: which of the two.
        labels: classes to draw; where left out, the eight with the smallest area.
    """
    found = {
        i: curve
        for i, pair in enumerate(report.curves)
        if (curve := getattr(pair, kind)) is not None
    }
    chosen = (
        [i for i in labels if i in found]
        if labels is not None
        else sorted(sorted(found, key=lambda i: found[i].area)[:8])
    )
    figure = go.Figure()
    for i in chosen:
        figure.add_scatter(
            x=[100 * x for x in found[i].x],
            y=[100 * y for y in found[i].y],
            mode="lines",
            name=f"{plain(report.classes[i], 18)} {found[i].area:.3f}",
            line={"color": class_colour(i), "dash": class_dash(i), "width": 2},
            hovertemplate=f"{plain(report.classes[i], 40)}<br>%{{x:.0f}} %, %{{y:.0f}} %<extra></extra>",
        )
    across, up = (
        ("other pictures called so", "its pictures found")
        if kind == "roc"
        else ("its pictures found", "right among those called so")
    )
    figure.update_xaxes(title_text=across, ticksuffix=" %", range=[-1, 102])
    figure.update_yaxes(title_text=up, ticksuffix=" %", range=[-1, 102])
    return _finish(
        figure, height=400 + 20 * (len(chosen) // 2), legend_y=-0.2, legend_yanchor="top"
    )


def _finish(figure: go.Figure, height: int, **layout: object) -> go.Figure:
    figure.update_layout(
        height=height,
        margin={"l": 4, "r": 8, "t": 8, "b": 4},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        dragmode=False,
        hovermode="closest",
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_layout(**layout)
    figure.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True, title_standoff=8)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True, title_standoff=8)
    return figure


def _matrix_height(size: int) -> int:
    return 150 + round(
        size
        * (70 if size <= 3 else 44 if size <= 8 else 30 if size <= 20 else 16 if size <= 50 else 12)
    )


def _step(epochs: int) -> int:
    return next(
        step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if epochs / step <= 12 or step == 1000
    )


def _pairs(first: Iterable, second: Iterable) -> Iterable[tuple]:
    return zip(first, second, strict=True)
