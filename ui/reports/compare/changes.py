"""Pictures that one run gets right and the other wrong."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.evaluation.paired import NotComparable, PairedComparison, Position
from core.evaluation.report import Prediction
from ui import text
from ui.charts.drawing import share
from ui.reports.compare.side import Side
from ui.reports.views.gallery import PAGE


def show(sides: Sequence[Side], found: Sequence[PairedComparison | NotComparable]) -> None:
    """The pictures that changed sides between the first run and another."""
    pairs = {
        side.letter: (side, one)
        for side, one in zip(sides[1:], found, strict=True)
        if isinstance(one, PairedComparison)
    }
    if not pairs:
        return
    first = sides[0]
    st.subheader("Which pictures changed?", divider="gray")
    letter = next(iter(pairs))
    if len(pairs) > 1:
        letter = st.segmented_control(
            f"From {first.letter} to",
            list(pairs),
            default=letter,
            required=True,
            key=f"changed {first.run.id}",
        )
    second, one = pairs[letter]
    lists = {"Now right": one.fixed, "Now wrong": one.broken}
    said = {
        "Now right": f"{first.letter} was wrong, {letter} is right",
        "Now wrong": f"{first.letter} was right, {letter} is wrong",
    }
    chosen = st.segmented_control(
        "Changed",
        list(lists),
        default="Now right" if one.fixed or not one.broken else "Now wrong",
        format_func=lambda name: f"{name} ({len(lists[name]):,})",
        required=True,
        key=f"changes {first.run.id} {second.run.id}",
        label_visibility="collapsed",
    )
    places = sorted(lists[chosen], key=lambda place: -_of(second, place.second).probability)
    st.caption(f"{said[chosen]}: {text.count(len(places), 'picture')}.")
    _gallery(first, second, places, f"{chosen} {second.run.id}")


def _gallery(first: Side, second: Side, places: Sequence[Position], key: str) -> None:
    pages = max(1, -(-len(places) // PAGE))
    page = st.pagination(pages, key=f"page {key}") if pages > 1 else 1
    with st.grid(min_column_width=130, gap="small", key=f"gallery {key}") as grid:
        for place in places[(page - 1) * PAGE : page * PAGE]:
            with grid.cell():
                _one(first, second, place)


def _one(first: Side, second: Side, place: Position) -> None:
    name = _of(first, place.first).name
    thumbnail = first.run.thumbnail(place.first)
    if thumbnail.is_file():
        st.image(str(thumbnail), width="stretch", alt=name)
    label = first.report.classes[_of(first, place.first).label]
    lines = [f"**{text.plain(label, 30)}**"]
    for side, there in ((first, place.first), (second, place.second)):
        said = _of(side, there)
        icon = ":material/check:" if said.predicted == said.label else ":material/close:"
        called = text.plain(side.report.classes[said.predicted], 30)
        lines.append(f"{side.letter} {icon} {called} {share(said.probability)}")
    st.caption("  \n".join(lines), help=text.plain(name))


def _of(side: Side, place: int) -> Prediction:
    return side.report.predictions[place]
