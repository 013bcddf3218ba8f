"""Show a model's answers: one picture large, several as a grid."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.errors import TuskerError
from core.evaluation import wording
from core.images import Scale
from core.model.batch import Row
from core.model.classifier import Answer, Classifier, Prediction
from core.model.decision import PredictionSet, Verdict
from core.predict import table
from ui import resources, state, text, widgets
from ui.predict import why
from ui.predict.pictures import Picture, preview, show_preview

NAMED = 12
"""Classes of a prediction set that are named."""


def show(pictures: Sequence[Picture], model: str, count: int) -> None:
    """One picture with its likeliest classes; with several, a grid to choose it from."""
    classifier = resources.classifier(model)
    results = [_predict(model, picture) for picture in pictures]
    chosen = min(int(st.session_state.get(state.SHOWN, 0)), len(results) - 1)
    _show_one(pictures[chosen], results[chosen], model, count)
    if len(results) > 1:
        rows = [
            Row(picture.name, problem=result)
            if isinstance(result, str)
            else Row.of(picture.name, result, classifier)
            for picture, result in zip(pictures, results, strict=True)
        ]
        _grid(pictures, rows, classifier.scale, chosen)
        packed = partial(table.to_bytes, rows, "csv")
        widgets.download("Download as CSV", packed, "predictions.csv")


def _predict(model: str, picture: Picture) -> Answer | str:
    """The answer, or why the picture cannot be read, which does not stop the others."""
    try:
        return resources.answer(model, picture.content)
    except TuskerError as refusal:
        return str(refusal)


def _show_one(picture: Picture, answer: Answer | str, model: str, count: int) -> None:
    classifier = resources.classifier(model)
    if isinstance(answer, str):
        st.error(f"{text.plain(picture.name)}: {text.plain(answer, 400)}")
        return
    predictions = classifier.top(answer.probabilities, count)
    # The bars come first where the columns stand below each other.
    left, right = st.columns([3, 2], gap="medium")
    best = predictions[0]
    shown = preview(picture.content, classifier.scale)
    with right:
        show_preview(*shown, f"{picture.name}: {best.label}")
    with left:
        verdict = classifier.verdict(answer)
        _warn(verdict, best, classifier)
        for note in answer.notes:
            st.info(note, icon=":material/info:")
        for guess in predictions:
            share = text.share(guess.probability)
            if verdict is Verdict.SURE:
                widgets.bar(guess.label, guess.probability, share)
            else:
                st.markdown(f":gray[{text.plain(guess.label, 120)} · {share}]")
        if (likely := classifier.prediction_set(answer)) is not None:
            st.markdown(_one_of(likely))
        about = [f"{max(1, round(1000 * answer.seconds))} ms", text.plain(classifier.title)]
        if verdict is not Verdict.UNLIKE:
            last = len(classifier.labels) - 1
            about.insert(0, f"Class number {best.index} (0 to {last:,})")
        st.caption(" · ".join(about))
    why.offer(model, picture, shown.jpeg, predictions)


def _warn(verdict: Verdict, best: Prediction, classifier: Classifier) -> None:
    if verdict is Verdict.UNLIKE:
        st.info(
            "**Not like the training pictures.** The model knows only its own classes. If it had "
            "to choose:",
            icon=":material/help:",
        )
    elif verdict is Verdict.NOT_SURE:
        st.info(
            f"**Not sure.** The best answer has {text.share(best.probability)}, "
            f"and this model does not answer below {text.share(classifier.decision.threshold)}.",
            icon=":material/help:",
        )


def _one_of(likely: PredictionSet) -> str:
    """`One of: tulip, rose (the right class is in the set for 95 % of pictures)`."""
    names = ", ".join(text.plain(label, 60) for label in likely.labels[:NAMED])
    unnamed = len(likely.labels) - NAMED
    suffix = f" and {unnamed:,} more" if unnamed > 0 else ""
    return f"One of: **{names}**{suffix} ({wording.promise(likely.level)})"


def _summary(row: Row) -> str:
    if row.verdict is not Verdict.SURE:
        return row.outcome.capitalize()
    best = row.predictions[0]
    return f"{best.label.split(',')[0]} {text.share(best.probability)}"


def _grid(pictures: Sequence[Picture], rows: list[Row], scale: Scale, chosen: int) -> None:
    with st.grid(min_column_width=130, gap="small") as grid:
        for number, (picture, row) in enumerate(zip(pictures, rows, strict=True)):
            with grid.cell():
                if row.problem:
                    st.caption(f":material/broken_image: {text.plain(row.problem, 400)}")
                else:
                    st.image(
                        preview(picture.content, scale, square=True).jpeg,
                        width="stretch",
                        alt=picture.name,
                    )
                widgets.button(
                    text.plain(_summary(row), 40),
                    st.session_state.update,
                    {state.SHOWN: number},
                    key=f"show {number}",
                    type="primary" if number == chosen else "secondary",
                    width="stretch",
                    help=text.plain(picture.name),
                )
                st.caption(text.plain(picture.name, 30))
                for note in row.notes:
                    st.caption(f":material/info: {note}")
