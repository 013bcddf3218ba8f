"""Test pictures with what was said of them, a page at a time; each opens closer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from ui import state, text
from ui.charts.drawing import share
from ui.reports.views import picture
from ui.reports.views.opened import Opened

PAGE, CARDS = 24, 12
"""Pictures on a page of a gallery: small ones, and those beside their heat maps."""
NAMED = 3
"""Answers that a card lists."""


def show(opened: Opened, places: Sequence[int], key: str) -> None:
    """Pictures by their place in the report, as small as they stay clear.

    Args:
        opened: the report.
        places: of the pictures, in the order to show.
        key: of this gallery; `state.PAGE` keeps the page in the address.
    """
    _pages(opened, places, key, PAGE, 130, _tile)


def cards(opened: Opened, places: Sequence[int], key: str) -> None:
    """Pictures, each beside where the model looked, with its likeliest answers."""
    if opened.run.heatmaps() is None:
        st.caption(
            "Heat maps of this run are not there; they are made once its report is finished."
        )
    _pages(opened, places, key, CARDS, 240, _card)


def _pages(
    opened: Opened,
    places: Sequence[int],
    key: str,
    most: int,
    width: int,
    draw: Callable[[Opened, int, str], bool],
) -> None:
    page = _page(-(-len(places) // most), key)
    pressed: int | None = None
    with st.grid(min_column_width=width, gap="small", key=f"gallery {key}") as grid:
        for place in places[(page - 1) * most : page * most]:
            with grid.cell():
                if draw(opened, place, f"open {key} {place}"):
                    pressed = place
    if pressed is not None:
        picture.open_at(opened, list(map(int, places)), pressed)


def _page(pages: int, key: str) -> int:
    if pages <= 1:
        return 1
    if key == state.PAGE:
        if st.session_state.get(key, 1) > pages:
            st.session_state[key] = 1
        return st.pagination(pages, key=key, bind="query-params")
    return st.pagination(pages, key=f"page {key} of {pages}")


def _tile(opened: Opened, place: int, key: str) -> bool:
    """A picture over what was said of it; whether it is to be opened."""
    said, classes = opened.report.predictions[place], opened.report.classes
    right = said.label == said.predicted
    thumbnail = opened.run.thumbnail(place)
    if thumbnail.is_file():
        st.image(str(thumbnail), width="stretch", alt=said.name)
    pressed = st.button(
        f"{text.plain(classes[said.predicted], 30)} · {share(said.probability)}",
        icon=":material/check:" if right else ":material/close:",
        key=key,
        width="stretch",
        wrap=True,  # or the number behind a long name is cut off
        help=text.plain(said.name),
    )
    if not right:
        st.caption(f"was **{text.plain(classes[said.label], 30)}**")
    return pressed


def _card(opened: Opened, place: int, key: str) -> bool:
    """A picture beside its heat map, over its likeliest answers; whether it is to be opened."""
    said = opened.report.predictions[place]
    shown = picture.beside_its_heat_map(opened, place)
    if shown is not None:
        st.image(shown, width="stretch", alt=f"{said.name}, and where the model looked")
    for label, probability in said.top[:NAMED]:
        named = text.plain(opened.report.classes[label], 30)
        its = " · its label" if label == said.label else ""
        st.progress(min(1.0, probability), text=f"{named} · {share(probability)}{its}")
    return st.button(
        "Look closer",
        icon=":material/zoom_in:",
        key=key,
        width="stretch",
        help=text.plain(said.name),
    )
