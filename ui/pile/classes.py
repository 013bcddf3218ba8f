"""The classes of a pile so far: rename them, and move single pictures between them."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.labelling import LEFT_OUT, Labels
from ui import gallery, widgets
from ui.pile import question

STRIP = 8


def show(labels: Labels) -> None:
    """Each class with some pictures, then one of them to change."""
    counts = {name: len(labels.of(name)) for name in labels.classes}
    left_out = labels.of(LEFT_OUT)
    if not counts:
        st.info("There are no classes yet.", icon=":material/info:")
        return
    for name, count in counts.items():
        title, pictures = st.columns([1, 3], vertical_alignment="center")
        with title:
            tested = len(labels.of(name, test=True))
            widgets.bar(
                name, count / max(1, *counts.values()), f"{count:,}, and {tested:,} for the test"
            )
        with pictures:
            strip(labels, labels.of(name)[:STRIP])
    options = [*counts, *([LEFT_OUT] if left_out else [])]
    # With other names the box is another widget: it must not keep a name that is gone.
    key = f"change {hash(tuple(options))}"
    chosen = st.selectbox("Class to change", options, format_func=gallery.class_title, key=key)
    if chosen is None:
        return
    if chosen:
        with st.form(f"rename {chosen}", border=False):
            field, submit = st.columns([3, 1], vertical_alignment="bottom")
            field.text_input(
                "Name",
                chosen,
                key=f"renamed {chosen}",
                help="With the name of another class, both are merged.",
            )
            rename = widgets.keep_refusal(*question.ABOUT)(_rename)
            submit.form_submit_button(
                "Rename", on_click=rename, args=(labels, chosen), width="stretch"
            )
    choose(labels, labels.of(chosen))


def strip(labels: Labels, pictures: Sequence[int]) -> None:
    """Thumbnails of some pictures in a row."""
    gallery.strip(
        [labels.pile.thumbnail(picture) for picture in pictures],
        [labels.pile.pictures[picture].name for picture in pictures],
    )


def choose(labels: Labels, pictures: Sequence[int]) -> None:
    """Pictures with a box each, and where the chosen ones are moved to."""
    gallery.choose(
        pictures,
        labels.pile.folder.name,
        lambda picture: (labels.pile.thumbnail(picture), labels.pile.pictures[picture].name),
        [*labels.classes, LEFT_OUT],
        partial(labels.label, single=True),
        question.ABOUT,
    )


def _rename(labels: Labels, old: str) -> None:
    labels.rename(old, str(st.session_state[f"renamed {old}"]))
