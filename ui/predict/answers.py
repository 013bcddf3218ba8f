"""Show what a model says of pictures: one large, several as a grid."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import images
from core.errors import BadImage
from core.model.classifier import Classifier, Prediction, Verdict
from core.predict.table import inert
from ui import resources, state, text
from ui.charts import report
from ui.predict import why
from ui.predict.pictures import Picture

SHORT = {Verdict.NOT_SURE: "Not sure", Verdict.UNLIKE: "Unlike what it knows"}


@dataclass(frozen=True)
class Said:
    """What was said of a picture.

    Attributes:
        guesses: the likeliest first; none where it could not be read.
        verdict: what to make of the first guess.
        seconds: that the model took.
        refusal: why it could not be read; empty if it could.
    """

    picture: Picture
    guesses: tuple[Prediction, ...] = ()
    verdict: Verdict = Verdict.SURE
    seconds: float = 0.0
    refusal: str = ""


def ask(model: str, pictures: list[Picture], count: int) -> list[Said]:
    """Ask the model about every picture; one that cannot be read does not stop the others."""
    classifier = resources.classifier(model)
    said: list[Said] = []
    for picture in pictures:
        try:
            answer = resources.answer(model, picture.content)
        except BadImage as refusal:
            said.append(Said(picture, refusal=str(refusal)))
            continue
        guesses = classifier.top(answer.probabilities, count)
        said.append(Said(picture, guesses, classifier.verdict(answer), answer.seconds))
    return said


def show(said: list[Said], model: str) -> None:
    """One picture with all its guesses; with several, a grid to choose it from."""
    chosen = min(int(st.session_state.get(state.SHOWN, 0)), len(said) - 1)
    _one(said[chosen], model)
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


def _one(said: Said, model: str) -> None:
    picture, guesses = said.picture, said.guesses
    classifier = resources.classifier(model)
    if said.refusal:
        st.error(f"{text.plain(picture.name)}: {text.plain(said.refusal, 400)}")
        return
    # The bars come first where the columns stand below each other.
    left, right = st.columns([3, 2], gap="medium")
    shown = preview(picture.content)
    right.image(shown, width="stretch", alt=f"{picture.name}: {guesses[0].label}")
    with left:
        _warn(said, classifier)
        st.plotly_chart(
            report.probability_bars(
                [guess.label for guess in guesses], [guess.probability for guess in guesses]
            ),
            width="stretch",
            config={"displayModeBar": False},
            alt="; ".join(f"{g.label} {report.share(g.probability)}" for g in guesses),
        )
        best = guesses[0]
        st.caption(
            f"Likeliest class: **{text.plain(best.label, 60)}**, index {best.index} "
            f"(they go from 0 to {len(classifier.labels) - 1:,}), "
            f"probability {report.share(best.probability)}"
        )
        st.caption(
            f"{text.milliseconds(said.seconds)} · {text.plain(classifier.title)} · "
            f"{text.classes(len(classifier.labels))}"
        )
    why.offer(model, picture, shown, guesses)


def _warn(said: Said, classifier: Classifier) -> None:
    """Say so where the guesses below should not be believed."""
    if said.verdict is Verdict.UNLIKE:
        st.info(
            "**Unlike anything it was taught.** It can answer only with its own classes; these "
            "would be its guesses.",
            icon=":material/help:",
        )
    elif said.verdict is Verdict.NOT_SURE:
        st.info(
            f"**Not sure.** Its best guess has {report.share(said.guesses[0].probability)}, and "
            f"this model does not answer below {report.share(classifier.threshold)}.",
            icon=":material/help:",
        )


def first_answer(said: Said) -> str:
    """The answer in a few words."""
    if said.refusal:
        return "Not readable"
    if said.verdict is not Verdict.SURE:
        return SHORT[said.verdict]
    best = said.guesses[0]
    return f"{best.label.split(',')[0]} {report.share(best.probability)}"


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
        for number, one in enumerate(said):
            with grid.cell():
                picture = one.picture
                if one.refusal:
                    st.caption(f":material/broken_image: {text.plain(one.refusal, 400)}")
                else:
                    st.image(
                        preview(picture.content, square=True), width="stretch", alt=picture.name
                    )
                st.button(
                    text.plain(first_answer(one), 40),
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
    writer.writerow(["file", "rank", "label", "index", "probability", "verdict"])
    for one in said:
        name = inert(one.picture.name)
        if one.refusal:
            writer.writerow([name, "", inert(one.refusal), "", "", ""])
            continue
        for rank, guess in enumerate(one.guesses, start=1):
            row = [
                name,
                rank,
                inert(guess.label),
                guess.index,
                np.format_float_positional(guess.probability, 6),
                one.verdict.value,
            ]
            writer.writerow(row)
    return out.getvalue()
