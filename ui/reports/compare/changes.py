"""Pictures that one run classifies correctly and the other does not."""

from collections.abc import Sequence

import streamlit as st

from core.evaluation.paired import Position
from ui import gallery, text, widgets
from ui.reports.compare.figures import Column, comparable


def show(columns: Sequence[Column]) -> None:
    """The pictures that changed between the first run and another."""
    pairs = {
        column.letter: (column, pairing)
        for column, pairing in comparable(columns)
        if pairing.fixed or pairing.broken
    }
    if not pairs:
        return
    first = columns[0]
    st.header("Which pictures changed?", divider="gray")
    letter = next(iter(pairs))
    if len(pairs) > 1:
        letter = st.radio(
            f"From {first.letter} to", list(pairs), key=f"changed {first.run.id}", horizontal=True
        )
    second, pairing = pairs[letter]
    lists = {"Now correct": pairing.fixed, "Now wrong": pairing.broken}
    meanings = {
        "Now correct": f"wrong in {first.letter}, correct in {letter}",
        "Now wrong": f"correct in {first.letter}, wrong in {letter}",
    }
    chosen = widgets.choice(
        "Changed",
        list(lists),
        index=int(bool(pairing.broken and not pairing.fixed)),
        format_func=lambda name: f"{name} ({len(lists[name]):,})",
        key=f"changes {first.run.id} {second.run.id}",
    )
    predictions = second.report.predictions
    positions = sorted(
        lists[chosen], key=lambda position: -predictions[position.second].probability
    )
    st.caption(f"{text.count(len(positions), 'picture')} {meanings[chosen]}.")
    key = f"{chosen} {second.run.id}"
    gallery.show(positions, key, lambda position: _picture(first, second, position))


def _picture(first: Column, second: Column, position: Position) -> None:
    prediction = first.report.predictions[position.first]
    gallery.thumbnail(first.run.thumbnail(position.first), prediction.name)
    lines = [f"**{text.plain(first.report.classes[prediction.label], 30)}**"]
    for column, index in ((first, position.first), (second, position.second)):
        prediction_of_run = column.report.predictions[index]
        icon = (
            ":material/check:"
            if prediction_of_run.predicted == prediction_of_run.label
            else ":material/close:"
        )
        predicted = text.plain(column.report.classes[prediction_of_run.predicted], 30)
        lines.append(
            f"{column.letter} {icon} {predicted} {text.share(prediction_of_run.probability)}"
        )
    st.caption("  \n".join(lines), help=text.plain(prediction.name))
