"""Name groups of pictures that look alike."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core.labelling import Labels
from ui import text
from ui.pile import classes, question

TYPICAL, UNTYPICAL = 12, 4
"""Pictures that are shown of a group, from either end."""
FACTOR = 1.5
"""More or fewer groups by this factor."""


def show(labels: Labels, unnamed: list[tuple[int, list[int]]]) -> None:
    """The first group without a name, and other numbers of groups."""
    if not unnamed:
        return
    group, pictures = unnamed[0]
    st.markdown(f"**{text.count(len(pictures), 'picture')}** in this group, the most typical first")
    few = len(pictures) <= TYPICAL + UNTYPICAL
    classes.strip(labels, pictures if few else pictures[:TYPICAL])
    if not few:
        st.caption("The least typical:")
        classes.strip(labels, pictures[-UNTYPICAL:])
    divisible = bool(labels.pile.children(group))
    question.names(labels, pictures, single=False, split=group if divisible else None)
    if st.toggle("Choose single pictures of this group", key="pile choose"):
        classes.choose(labels, pictures)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{text.count(len(unnamed), 'group')} without a name", width="content")
        for label, factor in (("More groups", FACTOR), ("Fewer groups", 1 / FACTOR)):
            count = max(2, round(len(labels.groups) * factor))
            st.button(label, on_click=question.act, args=(partial(labels.regroup, count),))
