"""Which run is better, in sentences, or why nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.evaluation.paired import NotComparable, PairedComparison
from core.evaluation.report import Estimate
from core.evaluation.verdict import chance, verdict
from core.evaluation.wording import figures
from ui import text
from ui.reports.compare.side import Side


def show(sides: Sequence[Side], found: Sequence[PairedComparison | NotComparable]) -> None:
    """A verdict on each run but the first, and the figures that it rests on."""
    first, *others = sides
    for side, one in zip(others, found, strict=True):
        sentence = text.plain(verdict(one, first.letter, side.letter), 400)
        if isinstance(one, PairedComparison):
            st.subheader(sentence)
        else:
            st.markdown(f":material/link_off: {sentence}")
    pairs = [
        (side, one)
        for side, one in zip(others, found, strict=True)
        if isinstance(one, PairedComparison)
    ]
    if len(pairs) < len(found):
        st.caption(
            "Runs on the same upload with the same seed and the same share for the test are "
            "tested on the same pictures."
        )
    if not pairs:
        return
    several = len(pairs) > 1
    st.table(
        {
            f"Against {first.letter}": [f"**{side.letter}**" for side, _ in pairs],
            "Now right": [f"{one.only_second:,}" for _, one in pairs],
            "Now wrong": [f"{one.only_first:,}" for _, one in pairs],
            "Accuracy": [_points(one.accuracy.estimate) for _, one in pairs],
            "Macro F1": [_signed(one.macro_f1.estimate) for _, one in pairs],
            "p": [_number(one.accuracy.p) for _, one in pairs],
            **(
                {"Adjusted p": [_number(one.accuracy.adjusted) for _, one in pairs]}
                if several
                else {}
            ),
        },
        border="horizontal",
        alt=f"How the runs differ from {first.letter}",
    )
    st.caption(
        "p: how likely two equally good models would differ so much on these pictures (exact "
        "McNemar test). In brackets: where the true difference lies in 95 of 100 such tests. "
        + ("Several runs were compared, so p is adjusted (Holm–Bonferroni). " if several else "")
        + "It is about these models: trained again with another seed, each would be a little other."
    )


def _number(p: float) -> str:
    return chance(p).removeprefix("p ").removeprefix("= ")


def _points(found: Estimate) -> str:
    """`+13 points (−2 to +28)`."""
    value, low, high = (_sign(figure) for figure in figures(found))
    return f"{value} points ({low} to {high})"


def _signed(found: Estimate) -> str:
    """`+0.13 (−0.02 to +0.28)`."""
    value, low, high = (_sign(figure) for figure in figures(found, percent=False))
    return f"{value} ({low} to {high})"


def _sign(figure: str) -> str:
    if not float(figure):
        return figure.lstrip("-")
    return f"−{figure[1:]}" if figure.startswith("-") else f"+{figure}"
