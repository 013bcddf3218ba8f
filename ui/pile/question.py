"""Ask for the class of a picture or a group, with one key or click per class."""

import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core import images
from core.errors import TuskerError
from core.labelling import LEFT_OUT, Labels, Learned
from ui import resources, text, widgets

UNDO, SKIP, LEAVE_OUT, SPLIT = "u", "s", "x", "p"
KEYS = string.digits[1:] + "".join(sorted({*string.ascii_lowercase} - {*"cr", *"usxp"}))
"""Keys of the classes; Streamlit keeps C and R for itself."""
EDGE = 280
"""Longest edge of the picture on the screen, in pixels."""
LIKELIEST = 3
ABOUT = ("pile",)
"""What refused changes of labels are about."""


def show(labels: Labels, unlabelled: Sequence[int], learned: Learned | None = None) -> None:
    """Ask about the first of some pictures; if `learned` is given, show what it predicts."""
    if not unlabelled:
        return
    picture = unlabelled[0]
    example = labels.pile.pictures[picture]
    shown, beside = st.columns([2, 3])
    with shown:
        try:
            pixels = images.decode(
                labels.pile.path(picture),
                limits=resources.settings(),
                shorter_edge=EDGE,
                scale=labels.pile.scale,
            )
            st.image(
                pixels, width=min(EDGE, EDGE * pixels.shape[1] // pixels.shape[0]), alt=example.name
            )
        except TuskerError as refusal:
            widgets.error(str(refusal))
        st.caption(text.plain(example.name, 40))
    with beside:
        likeliest = ""
        if learned is not None:
            row = learned.probabilities[picture]
            order = row.argsort()[::-1][:LIKELIEST]
            likeliest = learned.classes[order[0]]
            predicted = ", ".join(
                f"{text.plain(learned.classes[index], 40)} {text.share(float(row[index]))}"
                for index in order
            )
            label = labels.names[picture]
            group = f" · its group: {text.plain(label, 40)}" if label else ""
            st.markdown(f"Predicted: {predicted}{group}")
        names(labels, [picture], single=True, likeliest=likeliest)


def names(
    labels: Labels,
    pictures: Sequence[int],
    *,
    single: bool,
    likeliest: str = "",
    split: int | None = None,
) -> None:
    """Buttons that label pictures, skip them, or leave them out, and a field for a new class.

    Args:
        single: whether the visitor looks at each picture.
        likeliest: the class whose button stands out.
        split: number of the group, if it can be split.
    """
    # A key that is pressed before the next picture is drawn must not answer for that.
    asked = f"{labels.pile.folder.name} {pictures[0]} {len(pictures)}"

    def button(label: str, key: str | None, action: Callable[[], object], **more: Any) -> None:
        more |= {"key": f"{asked} {label}", "shortcut": key, "about": ABOUT}
        widgets.button(label, action, **more)

    with st.container(horizontal=True):
        for index, name in enumerate(labels.classes):
            button(
                text.plain(name, 40),
                KEYS[index] if index < len(KEYS) else None,
                partial(labels.label, pictures, name, single=single),
                type="primary" if name == likeliest else "secondary",
            )
    field = f"{asked} name"
    with st.form(f"{asked} new", clear_on_submit=True, border=False):
        entry, add = st.columns([3, 1], vertical_alignment="bottom")
        entry.text_input("New class", key=field, max_chars=60, placeholder="For example, rose")
        add.form_submit_button(
            "Add",
            on_click=widgets.once(widgets.keep_refusal(*ABOUT)(_label_new)),
            args=(labels, pictures, field, single),
            width="stretch",
        )
    with st.container(horizontal=True):
        button("Skip", SKIP, partial(labels.skip, pictures), icon="skip_next")
        button(
            "Leave out",
            LEAVE_OUT,
            partial(labels.label, pictures, LEFT_OUT, single=single),
            icon="block",
        )
        if split is not None:
            button("Split", SPLIT, partial(labels.split, split), icon="call_split")


def _label_new(labels: Labels, pictures: Sequence[int], field: str, single: bool) -> None:
    if name := str(st.session_state[field]):
        labels.label(pictures, name, single=single)
