"""Runs as columns: which is better, and their figures, classes and settings side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from core import backbones
from core.evaluation import describe
from core.evaluation.paired import NotComparable, PairedComparison
from core.evaluation.report import Footprint, Report
from core.evaluation.verdict import chance, verdict
from core.evaluation.wording import difference
from core.runs.comparison import ComparedRun, changed_settings, training_data_changes
from core.runs.run import Run
from core.system import prose
from ui import text

TESTED = ("Accuracy", "Balanced accuracy", "Macro F1", "Log loss")
"""Figures whose differences are tested."""
MARKS = {1: ":material/thumb_up: better", 0: "", -1: ":material/thumb_down: worse"}
BEST = ":material/thumb_up: best"


@dataclass(frozen=True)
class Column:
    """A run with its measurements and a letter.

    Attributes:
        letter: A for the reference, with which the others are compared.
        pairing: the comparison with the reference on the same pictures; None for the reference.
    """

    letter: str
    run: Run
    measured: ComparedRun
    pairing: PairedComparison | NotComparable | None

    @property
    def report(self) -> Report:
        """The report of the run."""
        return self.measured.report

    @property
    def title(self) -> str:
        """The name that the owner gave the run, or else that of its pictures."""
        return self.run.annotations().name or self.measured.manifest.name


def comparable(columns: Sequence[Column]) -> list[tuple[Column, PairedComparison]]:
    """The columns that can be compared with the first on the same pictures."""
    pairs = ((column, column.pairing) for column in columns)
    return [(column, pair) for column, pair in pairs if isinstance(pair, PairedComparison)]


def verdicts(columns: Sequence[Column]) -> None:
    """A verdict on each run but the first, and the figures behind it."""
    first, *others = columns
    if unfair := [column.letter for column in columns if column.report.leaked]:
        were = "was" if len(unfair) == 1 else "were"
        st.warning(
            f"{prose.listed(unfair, len(unfair))} {were} not tested fairly: near-copies of "
            "training pictures are among the test pictures, which makes the figures too good.",
            icon=":material/content_copy:",
        )
    for column in others:
        assert column.pairing is not None
        sentence = text.plain(verdict(column.pairing, first.letter, column.letter), 400)
        if isinstance(column.pairing, PairedComparison):
            st.header(sentence)
        else:
            st.markdown(f":material/link_off: {sentence}")
    pairs = comparable(columns)
    if len(pairs) < len(others):
        st.caption(
            "Runs on the same upload have the same test pictures if their classes, groups, shares "
            "and seed are the same."
        )
    if not pairs:
        return
    several = len(pairs) > 1
    table = {
        f"Against {first.letter}": [f"**{column.letter}**" for column, _ in pairs],
        "Now correct": [f"{len(pairing.fixed):,}" for _, pairing in pairs],
        "Now wrong": [f"{len(pairing.broken):,}" for _, pairing in pairs],
        "Accuracy": [difference(pairing.accuracy.estimate) for _, pairing in pairs],
        "Macro F1": [difference(pairing.macro_f1.estimate) for _, pairing in pairs],
        "p": [_p(pairing.accuracy.p) for _, pairing in pairs],
    }
    if several:
        table["Adjusted p"] = [_p(pairing.accuracy.adjusted) for _, pairing in pairs]
    st.table(table, border="horizontal", alt=f"How the runs differ from {first.letter}")
    st.caption(
        "p: how likely such a difference on these pictures is for two equally good models (exact "
        "McNemar test, by whole groups of pictures). "
        + ("Several runs were compared, so p is adjusted (Holm–Bonferroni). " if several else "")
        + "Training again with another seed gives slightly different models, and a run that is "
        "chosen by these pictures looks a little better on them than it is."
    )


def table(columns: Sequence[Column]) -> None:
    """Every figure of every run."""
    reports = [column.report for column in columns]
    errors = [(report.certainty.after or report.certainty.before).error for report in reports]
    measured = [column.measured for column in columns]
    footprints = [run.footprint for run in measured]
    rows = {
        "Accuracy": [describe(r.accuracy) for r in reports],
        "Balanced accuracy": [describe(r.balanced_accuracy) for r in reports],
        "Macro F1": [describe(r.macro.f1) for r in reports],
        "Log loss": [describe(r.log_loss, percent=False) for r in reports],
        "Calibration error": [describe(error) for error in errors],
        "Time per picture": [f.time if f else "–" for f in footprints],
        "Model size": _sizes(footprints),
        "Test pictures": [f"{report.pictures:,}" for report in reports],
        "Training pictures": [f"{run.learned_from:,}" for run in measured],
        "Backbone": [text.plain(_backbone(run.config.backbone)) for run in measured],
        "Training time": [text.duration(run.manifest.seconds) for run in measured],
    }
    unmarked = dict(rows)
    for name in TESTED:
        rows[name] = _marked(rows[name], columns, name.lower().replace(" ", "_"))
    table = {"Figure": list(rows)}
    for index, column in enumerate(columns):
        title = f"**{column.letter}** · {text.plain(column.title, 24)}"
        table[title] = [cells[index] for cells in rows.values()]
    st.table(table, border="horizontal", alt="The figures of each run")
    marks = (
        f" Better and worse: than {columns[0].letter} on the same pictures, by more than chance. "
        "Calibration error and times are not tested."
    )
    st.caption("In brackets: the 95 % confidence interval." + (marks if rows != unmarked else ""))


def by_class(columns: Sequence[Column]) -> None:
    """Recall of each class, side by side."""
    st.header("How many pictures of each class does each run find?", divider="gray")
    names = dict.fromkeys(name for column in columns for name in column.report.classes)
    scores = [{score.name: score for score in column.report.per_class} for column in columns]
    table: dict[str, list[Any]] = {"Class": list(names)}
    if len(comparable(columns)) == len(columns) - 1:
        table["Test pictures"] = [scores[0][name].support for name in names]
    for column, by_name in zip(columns, scores, strict=True):
        table[f"Recall of {column.letter}"] = [
            describe(by_name[name].recall) if name in by_name else "–" for name in names
        ]
    st.dataframe(table, hide_index=True, alt="Recall of each class by run")


def settings(columns: Sequence[Column]) -> None:
    """The settings and training pictures that are not the same in all runs."""
    st.header("Which settings differ?", divider="gray")
    differing = changed_settings([column.measured.config for column in columns])
    if differing:
        table = {"Setting": [_setting(name) for name in differing]}
        for index, column in enumerate(columns):
            values = [_value(values[index]) for values in differing.values()]
            table[f"**{column.letter}**"] = values
        st.table(table, border="horizontal", width="content", alt="Settings that differ")
    else:
        st.caption("All runs have the same settings.")
    _data(columns)


def _data(columns: Sequence[Column]) -> None:
    first = columns[0]
    for column in columns[1:]:
        changes = training_data_changes(first.measured, column.measured)
        if not any(changes):
            continue
        parts = [
            (changes.relabelled, "in another class"),
            (changes.missing, "missing"),
            (changes.new, "new"),
        ]
        listed = prose.listed(
            [
                f"{text.count(number, 'picture')} {'is' if number == 1 else 'are'} {how}"
                for number, how in parts
                if number
            ]
        )
        st.caption(
            f"The training pictures differ from those of {first.letter}: in {column.letter}, "
            f"{listed}."
        )


def _marked(cells: list[str], columns: Sequence[Column], measure: str) -> list[str]:
    """Cells with a mark where a run differs from the first by more than chance."""
    signs = {column.letter: pair.favours(measure) for column, pair in comparable(columns)}
    marks = [MARKS[signs.get(column.letter, 0)] for column in columns]
    if len(signs) == len(columns) - 1 and all(sign < 0 for sign in signs.values()):
        marks[0] = BEST
    return [f"{cell}  {mark}".rstrip() for cell, mark in zip(cells, marks, strict=True)]


def _sizes(footprints: Sequence[Footprint | None]) -> list[str]:
    cells = [footprint.size if footprint else "–" for footprint in footprints]
    measured = [footprint.megabytes for footprint in footprints if footprint]
    smallest = cells[measured.index(min(measured))] if len(measured) == len(cells) else ""
    if cells.count(smallest) != 1:
        return cells
    return [f"{c}  :material/check: smallest" if c == smallest else c for c in cells]


def _backbone(name: str) -> str:
    return backbones.get(name).title if backbones.known(name) else name


def _setting(name: str) -> str:
    """`augmentation.views` as `Augmentation: views`."""
    return name.replace("_", " ").replace(".", ": ").capitalize()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return text.plain(str(value))


def _p(p: float) -> str:
    return chance(p).removeprefix("p ").removeprefix("= ")
