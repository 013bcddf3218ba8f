"""Show a model's answers: one picture large, several as a grid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import streamlit as st

from core import images
from core.errors import BadImage
from core.model.classifier import Classifier, Prediction, Verdict
from ui import resources, state, text, widgets
from ui.predict import why
from ui.predict.pictures import Picture

SHORT = {Verdict.NOT_SURE: "Not sure", Verdict.UNLIKE: "Not like the training pictures"}
HEADER = ("file", "rank", "label", "index", "probability", "verdict")


@dataclass(frozen=True)
class Result:
    """A picture with the answers of a model.

    Attributes:
        predictions: the likeliest first; none if the picture could not be read.
        verdict: whether to trust the first prediction.
        seconds: that the model took.
        refusal: why the picture could not be read; empty if it could.
    """

    picture: Picture
    predictions: tuple[Prediction, ...] = ()
    verdict: Verdict = Verdict.SURE
    seconds: float = 0.0
    refusal: str = ""


def predict(model: str, pictures: list[Picture], count: int) -> list[Result]:
    """Classify every picture; one that cannot be read does not stop the others."""
    classifier = resources.classifier(model)
    results: list[Result] = []
    for picture in pictures:
        try:
            answer = resources.answer(model, picture.content)
        except BadImage as refusal:
            results.append(Result(picture, refusal=str(refusal)))
            continue
        predictions = classifier.top(answer.probabilities, count)
        results.append(Result(picture, predictions, classifier.verdict(answer), answer.seconds))
    return results


def show(results: list[Result], model: str) -> None:
    """One picture with all its answers; with several, a grid to choose it from."""
    chosen = min(int(st.session_state.get(state.SHOWN, 0)), len(results) - 1)
    _show_one(results[chosen], model)
    if len(results) > 1:
        _grid(results, chosen)
        widgets.download_csv(HEADER, lambda: _csv_rows(results), "predictions.csv")


def _show_one(result: Result, model: str) -> None:
    picture, predictions = result.picture, result.predictions
    classifier = resources.classifier(model)
    if result.refusal:
        st.error(f"{text.plain(picture.name)}: {text.plain(result.refusal, 400)}")
        return
    # The bars come first where the columns stand below each other.
    left, right = st.columns([3, 2], gap="medium")
    best = predictions[0]
    shown = preview(picture.content)
    right.image(shown, width="stretch", alt=f"{picture.name}: {best.label}")
    with left:
        _warn(result, classifier)
        for guess in predictions:
            widgets.bar(guess.label, guess.probability, text.share(guess.probability))
        st.caption(
            f"Likeliest class: **{text.plain(best.label, 60)}**, index {best.index} "
            f"(from 0 to {len(classifier.labels) - 1:,}), "
            f"probability {text.share(best.probability)}"
        )
        st.caption(
            f"{text.milliseconds(result.seconds)} · {text.plain(classifier.title)} · "
            f"{text.classes(len(classifier.labels))}"
        )
    why.offer(model, picture, shown, predictions)


def _warn(result: Result, classifier: Classifier) -> None:
    """Say so where the answers below should not be trusted."""
    if result.verdict is Verdict.UNLIKE:
        st.info(
            "**Not like the training pictures.** The model can answer only with its own classes; "
            "these would be its answers.",
            icon=":material/help:",
        )
    elif result.verdict is Verdict.NOT_SURE:
        st.info(
            f"**Not sure.** The best answer has {text.share(result.predictions[0].probability)}, "
            f"and this model does not answer below {text.share(classifier.threshold)}.",
            icon=":material/help:",
        )


def _summary(result: Result) -> str:
    """The answer in a few words."""
    if result.refusal:
        return "Not readable"
    if result.verdict is not Verdict.SURE:
        return SHORT[result.verdict]
    best = result.predictions[0]
    return f"{best.label.split(',')[0]} {text.share(best.probability)}"


@st.cache_data(scope="session", max_entries=64, show_spinner=False)
def preview(content: bytes, *, square: bool = False) -> bytes:
    """A picture as the screen can show it, whatever its format.

    Returns:
        JPEG of at most 640 pixels, or the centre square of 200.
    """
    picture = images.decode(content, shorter_edge=200 if square else 640)
    if square:
        return images.thumbnail(images.crop_and_resize(picture, 200), edge=200)
    return images.thumbnail(picture, edge=640)


def _grid(results: list[Result], chosen: int) -> None:
    with st.grid(min_column_width=130, gap="small") as grid:
        for number, result in enumerate(results):
            picture = result.picture
            with grid.cell():
                if result.refusal:
                    st.caption(f":material/broken_image: {text.plain(result.refusal, 400)}")
                else:
                    st.image(
                        preview(picture.content, square=True), width="stretch", alt=picture.name
                    )
                st.button(
                    text.plain(_summary(result), 40),
                    key=f"show {number}",
                    type="primary" if number == chosen else "secondary",
                    width="stretch",
                    on_click=_choose,
                    args=(number,),
                    help=text.plain(picture.name),
                )
                st.caption(text.plain(picture.name, 30))


def _choose(number: int) -> None:
    st.session_state[state.SHOWN] = number


def _csv_rows(results: list[Result]) -> Iterator[tuple[object, ...]]:
    """One row per picture and answer."""
    for result in results:
        name, verdict = result.picture.name, result.verdict.value
        if result.refusal:
            yield name, "", result.refusal, "", "", ""
        for rank, guess in enumerate(result.predictions, start=1):
            probability = np.format_float_positional(guess.probability, 6)
            yield name, rank, guess.label, guess.index, probability, verdict
