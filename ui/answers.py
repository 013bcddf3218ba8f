"""Show what a model says of pictures: one large, several as a grid."""

from __future__ import annotations

import csv
import io

import numpy as np
import streamlit as st

from core import images
from core.classifier import Classifier, Prediction
from core.errors import BadImage
from ui import charts, resources, state, text
from ui.pictures import Picture

Said = tuple[Picture, tuple[Prediction, ...] | str, float]
"""A picture, the guesses or why there are none, and the seconds it took."""


def ask(model: str, pictures: list[Picture], count: int) -> list[Said]:
    """Ask the model about every picture; one that cannot be read does not stop the others."""
    classifier = resources.classifier(model)
    said: list[Said] = []
    for picture in pictures:
        try:
            probabilities, seconds = resources.answer(model, picture.content)
            said.append((picture, classifier.top(probabilities, count), seconds))
        except BadImage as refusal:
            said.append((picture, str(refusal), 0.0))
    return said


def show(said: list[Said], classifier: Classifier) -> None:
    """One picture with all its guesses; with several, a grid to choose it from."""
    chosen = min(int(st.session_state.get(state.SHOWN, 0)), len(said) - 1)
    _one(said[chosen], classifier)
    if len(said) > 1:
        _grid(said, chosen)
        st.download_button(
            "Download as CSV",
            _csv(said),
            file_name="predictions.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _one(said: Said, classifier: Classifier) -> None:
    picture, guesses, seconds = said
    if isinstance(guesses, str):
        st.error(f"{text.plain(picture.name)}: {text.plain(guesses, 400)}")
        return
    # The bars come first where the columns stand below each other.
    left, right = st.columns([3, 2], gap="medium")
    right.image(
        preview(picture.content), width="stretch", alt=f"{picture.name}: {guesses[0].label}"
    )
    with left:
        st.plotly_chart(
            charts.probability_bars(
                [guess.label for guess in guesses], [guess.probability for guess in guesses]
            ),
            width="stretch",
            config={"displayModeBar": False},
            alt="; ".join(f"{g.label} {charts.share(g.probability)}" for g in guesses),
        )
        st.caption(
            f"{text.milliseconds(seconds)} · {text.plain(classifier.title)} · "
            f"{text.classes(len(classifier.labels))} · "
            f"class index {guesses[0].index}"
        )


@st.cache_data(scope="session", max_entries=64, show_spinner=False)
def preview(content: bytes, *, square: bool = False) -> bytes:
    """A picture as the screen can show it, whatever its format.

    Returns:
        JPEG of at most 640 pixels, or the centre square of 200.
    """
    picture = images.decode(content, shorter_edge=200 if square else 640)
    if square:
        return images.thumbnail(images.fit(picture, 200), edge=200)
    return images.thumbnail(picture, edge=640)


def _grid(said: list[Said], chosen: int) -> None:
    with st.grid(min_column_width=130, gap="small") as grid:
        for number, (picture, guesses, _) in enumerate(said):
            with grid.cell():
                if isinstance(guesses, str):
                    st.caption(f":material/broken_image: {text.plain(guesses, 400)}")
                    first = "Not readable"
                else:
                    st.image(
                        preview(picture.content, square=True), width="stretch", alt=picture.name
                    )
                    first = (
                        f"{guesses[0].label.split(',')[0]} {charts.share(guesses[0].probability)}"
                    )
                st.button(
                    text.plain(first, 40),
                    key=f"show {number}",
                    type="primary" if number == chosen else "secondary",
                    width="stretch",
                    on_click=_show,
                    args=(number,),
                    help=text.plain(picture.name),
                )
                st.caption(text.plain(picture.name, 30))


def _show(number: int) -> None:
    st.session_state[state.SHOWN] = number


def _csv(said: list[Said]) -> str:
    """One line a picture and guess; a cell that a spreadsheet would run is made text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["file", "rank", "label", "index", "probability"])
    for picture, guesses, _ in said:
        name = inert(picture.name)
        if isinstance(guesses, str):
            writer.writerow([name, "", inert(guesses), "", ""])
            continue
        for rank, guess in enumerate(guesses, start=1):
            row = [
                name,
                rank,
                inert(guess.label),
                guess.index,
                np.format_float_positional(guess.probability, 6),
            ]
            writer.writerow(row)
    return out.getvalue()


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@\t\r" else cell
