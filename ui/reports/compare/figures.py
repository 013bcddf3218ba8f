"""The figures of runs side by side, by run, by class and by setting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import backbones
from core.evaluation import describe
from core.evaluation.paired import NotComparable, PairedComparison
from core.evaluation.report import Estimate
from core.runs.comparison import changed_settings, training_data_changes
from ui import text
from ui.charts import comparison
from ui.charts.drawing import PLAIN
from ui.reports.compare.side import Side

BETTER, WORSE = ":material/thumb_up: better", ":material/thumb_down: worse"
BEST = ":material/thumb_up: best"
SAME = 1.01
"""Sizes closer than by this factor are as good as equal."""


def show(sides: Sequence[Side], found: Sequence[PairedComparison | NotComparable]) -> None:
    """Every figure of every run, and the accuracies as a chart."""
    table, chart = st.columns([3, 2], gap="large")
    with table:
        _table(sides, found)
    with chart:
        st.plotly_chart(
            comparison.accuracies(
                [side.name for side in sides], [side.report.accuracy for side in sides]
            ),
            key="accuracies",
            config=PLAIN,
            alt="Accuracy: "
            + "; ".join(f"{side.letter} {describe(side.report.accuracy)}" for side in sides),
        )
        st.caption(
            "Each interval is of one run by itself. On the same pictures a difference can be sure "
            "though intervals overlap: the sentences above go by that."
        )


def by_class(sides: Sequence[Side], found: Sequence[PairedComparison | NotComparable]) -> None:
    """Recall of each class, side by side."""
    st.subheader("Of the pictures of a class, how many does each find?", divider="gray")
    names = dict.fromkeys(name for side in sides for name in side.report.classes)
    scores = [{score.name: score for score in side.report.per_class} for side in sides]
    supports: dict[str, list[int]] = {}
    if all(isinstance(one, PairedComparison) for one in found):
        supports["Test pictures"] = [scores[0][name].support for name in names]
    st.dataframe(
        {
            "Class": list(names),
            **supports,
            **{
                f"Recall of {side.letter}": [
                    describe(by_name[name].recall) if name in by_name else "–" for name in names
                ]
                for side, by_name in zip(sides, scores, strict=True)
            },
        },
        hide_index=True,
        alt="Recall of each class by run",
    )


def settings(sides: Sequence[Side]) -> None:
    """What the runs were asked for that is not the same in all."""
    st.subheader("Which settings differ?", divider="gray")
    apart = changed_settings([side.measured.config for side in sides])
    if not apart:
        st.caption("None: they were asked for the same.")
        _data(sides)
        return
    st.table(
        {
            "Setting": [_setting(name) for name in apart],
            **{
                f"**{side.letter}**": [_value(values[place]) for values in apart.values()]
                for place, side in enumerate(sides)
            },
        },
        border="horizontal",
        width="content",
        alt="Settings that differ",
    )
    _data(sides)


def _data(sides: Sequence[Side]) -> None:
    """How the pictures differ that they learned from, as after corrections of labels."""
    first = sides[0]
    for side in sides[1:]:
        found = training_data_changes(first.measured, side.measured)
        if not found:
            continue
        said = [
            f"{text.count(found.relabelled, 'picture')} in another class" * bool(found.relabelled),
            f"{text.count(found.missing, 'picture')} left out" * bool(found.missing),
            f"{text.count(found.new, 'picture')} more" * bool(found.new),
        ]
        told = ", ".join(filter(None, said))
        st.caption(
            f"The pictures to learn from differ: against {first.letter}, {side.letter} has {told}."
        )


def _table(sides: Sequence[Side], found: Sequence[PairedComparison | NotComparable]) -> None:
    reports = [side.report for side in sides]
    errors = [(one.certainty.after or one.certainty.before).error for one in reports]
    sizes = [side.measured.footprint for side in sides]
    configs = [side.measured.config for side in sides]
    rows = {
        "Accuracy": _marked([describe(one.accuracy) for one in reports], found, "accuracy"),
        "Balanced accuracy": _marked(
            [describe(one.balanced_accuracy) for one in reports], found, "balanced_accuracy"
        ),
        "Macro F1": _marked([_plain(one.macro.f1) for one in reports], found, "macro_f1"),
        "Log loss": _marked([_plain(one.log_loss) for one in reports], found, "log_loss"),
        "Calibration error": [describe(error) for error in errors],
        "A picture takes": [f"{size.milliseconds:.1f} ms" if size else "–" for size in sizes],
        "Model size": _sizes([size.megabytes if size else None for size in sizes]),
        "Test pictures": [f"{one.pictures:,}" for one in reports],
        "Pictures trained on": [f"{side.measured.learned_from:,}" for side in sides],
        "Backbone": [text.plain(_backbone(config.backbone)) for config in configs],
        "Preset": [config.preset.capitalize() for config in configs],
        "Training took": [text.duration(side.measured.manifest.seconds) for side in sides],
        "Finished": [text.date(side.measured.manifest.completed_at) for side in sides],
    }
    st.table(
        {
            "": list(rows),
            **{
                f"**{side.letter}** · {text.plain(side.title, 24)}": [
                    cells[place] for cells in rows.values()
                ]
                for place, side in enumerate(sides)
            },
        },
        border="horizontal",
        alt="The figures of each run",
    )
    st.caption(
        f"Better and worse are said against {sides[0].letter}, and only where the difference is "
        "more than chance. The calibration error is not tested for that; times depend on what "
        "else the machine had to do."
    )


def _marked(
    cells: list[str], found: Sequence[PairedComparison | NotComparable], name: str
) -> list[str]:
    """Cells of which those that differ from the first by more than chance say so."""
    signs = [0 if isinstance(one, NotComparable) else one.favours(name) for one in found]
    first = f"{cells[0]}  {BEST}" if all(sign < 0 for sign in signs) else cells[0]
    words = {1: f"  {BETTER}", 0: "", -1: f"  {WORSE}"}
    return [first, *(cell + words[sign] for cell, sign in zip(cells[1:], signs, strict=True))]


def _sizes(megabytes: Sequence[float | None]) -> list[str]:
    """Sizes of which the smallest says so, if the others are larger."""
    cells = ["–" if size is None else f"{size:.1f} MB" for size in megabytes]
    known = [size for size in megabytes if size is not None]
    if len(known) == len(megabytes):
        smallest, next_one, *_ = sorted(known)
        if next_one > SAME * smallest:
            cells[megabytes.index(smallest)] += "  :material/check: smallest"
    return cells


def _plain(found: Estimate) -> str:
    return describe(found, percent=False)


def _backbone(name: str) -> str:
    return backbones.get(name).title if backbones.known(name) else name


def _setting(name: str) -> str:
    """`augmentation.views` as `Augmentation: views`."""
    *group, last = name.replace("_", " ").split(".")
    return f"{': '.join([*group, last])}".capitalize()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return text.plain(str(value))
