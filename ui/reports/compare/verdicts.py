"""Which run is better, in sentences, or why they cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.evaluation.paired import PairedComparison
from core.evaluation.verdict import chance, verdict
from ui import text
from ui.reports.compare.column import Column, comparable


def show(columns: Sequence[Column]) -> None:
    """A verdict on each run but the first, and the figures behind it."""
    first, *others = columns
    for column in others:
        assert column.pairing is not None
        sentence = text.plain(verdict(column.pairing, first.letter, column.letter), 400)
        if isinstance(column.pairing, PairedComparison):
            st.subheader(sentence)
        else:
            st.markdown(f":material/link_off: {sentence}")
    pairs = comparable(columns)
    if len(pairs) < len(others):
        st.caption(
            "Runs on the same upload with the same seed and the same share for the test have the "
            "same test pictures."
        )
    if not pairs:
        return
    several = len(pairs) > 1
    table = {
        f"Against {first.letter}": [f"**{column.letter}**" for column, _ in pairs],
        "Now correct": [f"{pairing.only_second:,}" for _, pairing in pairs],
        "Now wrong": [f"{pairing.only_first:,}" for _, pairing in pairs],
        "Accuracy": [text.difference(pairing.accuracy.estimate) for _, pairing in pairs],
        "Macro F1": [
            text.difference(pairing.macro_f1.estimate, percent=False) for _, pairing in pairs
        ],
        "p": [_p(pairing.accuracy.p) for _, pairing in pairs],
    }
    if several:
        table["Adjusted p"] = [_p(pairing.accuracy.adjusted) for _, pairing in pairs]
    st.table(table, border="horizontal", alt=f"How the runs differ from {first.letter}")
    st.caption(
        "p: how likely such a difference on these pictures is for two equally good models (exact "
        "McNemar test). In brackets: the 95 % confidence interval. "
        + ("Several runs were compared, so p is adjusted (Holm–Bonferroni). " if several else "")
        + "This compares these models; training again with another seed gives slightly different "
        "ones."
    )


def _p(p: float) -> str:
    return chance(p).removeprefix("p ").removeprefix("= ")
