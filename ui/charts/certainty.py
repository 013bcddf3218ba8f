"""Charts of a model's calibration, coverage and curves by class."""

from collections.abc import Iterable, Mapping
from typing import Literal

import plotly.graph_objects as go

from core.evaluation.report import Certainty, Curve, Reliability, Report
from core.evaluation.wording import describe
from ui.charts.drawing import PERCENTS, ROOM, error_bars, finish, literal
from ui.charts.palette import ACCENT, NEUTRAL, WRONG, class_colour, class_dash, tint
from ui.text import classes, share

Kind = Literal["roc", "precision_recall"]
CURVES: dict[Kind, str] = {"roc": "ROC", "precision_recall": "Precision–recall"}
DRAWN = 8
"""Classes whose curves are drawn at first."""


def reliability(certainty: Certainty) -> go.Figure:
    """Accuracy by predicted probability, before and after temperature scaling.

    On the dashed line both are equal; points below it are overconfident.
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
        plots.append(("as used", certainty.before, ACCENT, "circle", "solid"))
    else:
        plots.append(("before scaling", certainty.before, NEUTRAL, "circle-open", "dot"))
        plots.append(("after scaling", certainty.after, ACCENT, "circle", "solid"))
    for name, measured, colour, symbol, dash in plots:
        accuracies = [b.accuracy for b in measured.bins]
        figure.add_scatter(
            x=[100 * b.confidence for b in measured.bins],
            y=[100 * a.value for a in accuracies],
            error_y=error_bars(accuracies, tint(colour, 0.5), thickness=1.5, width=3),
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 1.5},
            marker={"symbol": symbol, "size": 9, "color": colour},
            customdata=[[b.count, describe(b.accuracy)] for b in measured.bins],
            hovertemplate="%{customdata[0]} pictures<br>probability %{x:.0f} %<br>"
            "accuracy %{customdata[1]}<extra></extra>",
        )
    figure.update_xaxes(**PERCENTS, title_text="predicted probability")
    figure.update_yaxes(**PERCENTS, title_text="accuracy")
    errors = [f"{describe(measured.error)} {name}" for name, measured, *_ in plots]
    alt = f"Reliability diagram; expected calibration error {', '.join(errors)}"
    return finish(figure, alt, height=380, showlegend=len(plots) > 1)


def coverage(certainty: Certainty, threshold: float | None = None) -> go.Figure:
    """Share of wrong answers by share of pictures answered, least sure ones left out first.

    Of validation pictures, by which a threshold is chosen; of test pictures in earlier reports.

    Args:
        threshold: to mark on the line, if any.
    """
    points = certainty.validation or certainty.coverage
    figure = go.Figure(
        go.Scatter(
            x=[100 * p.coverage for p in points],
            y=[100 * p.error for p in points],
            mode="lines" if len(points) > 1 else "markers",
            name="error",
            line={"color": ACCENT, "width": 2, "shape": "hv"},
            customdata=[literal(share(p.threshold)) for p in points],
            hovertemplate="answers %{x:.0f} %<br>%{y:.1f} % of them wrong<br>"
            "probability at least %{customdata}<extra></extra>",
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
            name=f"threshold {literal(share(threshold or 0))}",
        )
    kind = "validation" if certainty.validation else "test"
    figure.update_xaxes(**PERCENTS, title_text=f"{kind} pictures answered")
    figure.update_yaxes(title_text="wrong among them", ticksuffix=" %", rangemode="tozero")
    alt = "Share of wrong answers by share of pictures answered"
    finish(figure, alt, height=340, showlegend=bool(answered))
    return figure.update_yaxes(title_standoff=ROOM)


def curves_by_class(report: Report, kind: Kind) -> dict[int, Curve]:
    """The curves of one kind by class; a class without test pictures has none."""
    curves = ((label, getattr(pair, kind)) for label, pair in enumerate(report.curves))
    return {label: curve for label, curve in curves if curve is not None}


def smallest(curves: Mapping[int, Curve]) -> list[int]:
    """The classes whose curves have the smallest areas, as many as are drawn at first."""
    return sorted(sorted(curves, key=lambda label: curves[label].area)[:DRAWN])


def _area(area: float) -> str:
    """An area under a curve, which rounding makes neither 0 nor 1."""
    return f"{area if area in (0, 1) else min(max(area, 0.001), 0.999):.3f}"


def class_curves(
    report: Report,
    kind: Kind = "roc",
    labels: Iterable[int] | None = None,
) -> go.Figure:
    """ROC or precision–recall, one line per class.

    Args:
        labels: classes to draw; by default the eight with the smallest area.
    """
    curves = curves_by_class(report, kind)
    chosen = smallest(curves) if labels is None else [label for label in labels if label in curves]
    figure = go.Figure()
    for i in chosen:
        figure.add_scatter(
            x=[100 * x for x in curves[i].x],
            y=[100 * y for y in curves[i].y],
            mode="lines",
            name=f"{literal(report.classes[i], 18)} {_area(curves[i].area)}",
            line={"color": class_colour(i), "dash": class_dash(i), "width": 2},
            customdata=[literal(report.classes[i])] * len(curves[i].x),
            hovertemplate="%{customdata}<br>%{x:.0f} %, %{y:.0f} %<extra></extra>",
        )
    across, up = (
        ("false positive rate", "true positive rate") if kind == "roc" else ("recall", "precision")
    )
    figure.update_xaxes(**PERCENTS, title_text=across)
    figure.update_yaxes(**PERCENTS, title_text=up)
    alt = f"{CURVES[kind]} of {classes(len(chosen))}"
    height = 400 + 20 * (len(chosen) // 2)
    return finish(figure, alt, height=height, legend_y=-0.2, legend_yanchor="top")
