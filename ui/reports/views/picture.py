"""Test pictures with their predictions: as tiles, beside their heat maps, or one in a dialog."""

from collections.abc import Callable, Sequence

import streamlit as st

from core import images
from core.errors import TuskerError
from core.evaluation.report import Prediction
from core.model import heatmap
from ui import gallery, resources, state, text, widgets
from ui.reports.views.complete_run import CompleteRun

EDGE = 320
"""Longest edge of a picture in the dialog, in pixels."""
STRENGTH = 0.7
"""How much a heat map covers the picture of a card."""
BARS, NAMED = 5, 3
"""Answers that the dialog and a card list."""
CARDS = 12
"""Pictures beside their heat maps on a page."""


def tiles(view: CompleteRun, indices: Sequence[int], key: str) -> None:
    """Small test pictures, each a way to open it.

    Args:
        indices: of the pictures in the report, in the order to show.
    """
    _gallery(view, indices, key, _tile, gallery.PAGE, 130)


def cards(view: CompleteRun, indices: Sequence[int], key: str) -> None:
    """Test pictures, each beside its heat map, with the likeliest answers."""
    _has_heat_maps(view)
    _gallery(view, indices, key, _card, CARDS, 240)


def _gallery(
    view: CompleteRun,
    indices: Sequence[int],
    key: str,
    draw: Callable[[CompleteRun, int, str], bool],
    page_size: int,
    width: int,
) -> None:
    pressed: list[int] = []

    def item(index: int) -> None:
        if draw(view, index, f"open {key} {index}"):
            pressed.append(index)

    gallery.show(indices, key, item, page_size=page_size, width=width)
    if pressed:
        st.session_state[state.PICTURE] = pressed[0]
        _dialog(view, list(map(int, indices)))


def thumbnail(view: CompleteRun, index: int) -> None:
    """The small copy of a test picture."""
    gallery.thumbnail(view.run.thumbnail(index), view.report.predictions[index].name)


def _tile(view: CompleteRun, index: int, key: str) -> bool:
    """A picture above its prediction; returns whether it was pressed."""
    prediction, classes = view.report.predictions[index], view.report.classes
    correct = prediction.label == prediction.predicted
    thumbnail(view, index)
    pressed = st.button(
        f"{text.plain(classes[prediction.predicted], 30)} · {text.share(prediction.probability)}",
        icon=":material/check:" if correct else ":material/close:",
        key=key,
        width="stretch",
        wrap=True,  # otherwise the number behind a long name is cut off
        help=text.plain(prediction.name),
    )
    if not correct:
        st.caption(f"Actual: **{text.plain(classes[prediction.label], 30)}**")
    return pressed


def _card(view: CompleteRun, index: int, key: str) -> bool:
    """A picture beside its heat map, and its likeliest answers; returns whether it was pressed."""
    prediction = view.report.predictions[index]
    _heat_maps(view, index, STRENGTH)
    _answers(view, prediction, NAMED)
    return st.button(
        "Look closer",
        icon=":material/zoom_in:",
        key=key,
        width="stretch",
        help=text.plain(prediction.name),
    )


@st.dialog("Picture", width=860)
def _dialog(view: CompleteRun, indices: Sequence[int]) -> None:
    index = st.session_state.get(state.PICTURE, indices[0])
    at = indices.index(index) if index in indices else 0
    prediction = view.report.predictions[indices[at]]
    _verdict(view, indices[at], prediction)
    drawn = st.container()
    has = _has_heat_maps(view)
    strength = widgets.heat_map_strength("heat map strength") if has else STRENGTH
    with drawn:
        _heat_maps(view, indices[at], strength)
    _answers(view, prediction, BARS)
    if prediction.label not in [choice.label for choice in prediction.top[:BARS]]:
        st.caption(f"The actual class is not among the {BARS} likeliest.")
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, step, icon in (("Previous", -1, "arrow_back"), ("Next", 1, "arrow_forward")):
            exists = 0 <= at + step < len(indices)
            go = {state.PICTURE: indices[at + step] if exists else index}
            widgets.button(label, st.session_state.update, go, icon=icon, disabled=not exists)
        st.caption(f"{at + 1:,} of {len(indices):,} · {text.plain(prediction.name)}")


def _verdict(view: CompleteRun, index: int, prediction: Prediction) -> None:
    classes = view.report.classes
    predicted = text.plain(classes[prediction.predicted])
    if prediction.label == prediction.predicted:
        st.markdown(f":material/check: Correct: **{predicted}**")
    else:
        actual = text.plain(classes[prediction.label])
        st.markdown(f":material/close: Predicted **{predicted}**, actual **{actual}**")
    ood = view.run.ood_scores()
    if ood is not None and ood.scores[index] > 1:
        st.caption(
            ":material/help: The model finds it not like the training pictures: its OOD score is "
            f"{ood.scores[index]:.2f}, and the limit is 1."
        )
    elif prediction.probability < (threshold := view.run.annotations().threshold):
        st.caption(
            ":material/help: The model would answer “Not sure”: the threshold is "
            f"{text.share(threshold)}."
        )


def _heat_maps(view: CompleteRun, index: int, strength: float) -> None:
    prediction, classes = view.report.predictions[index], view.report.classes
    maps = view.run.heatmaps()
    try:
        pixels = images.decode(view.run.thumbnail(index), limits=resources.settings())
    except TuskerError:
        st.caption(gallery.MISSING)
        return
    if maps is None or index >= len(maps):
        st.image(pixels, width=EDGE, alt=prediction.name)
        return
    labels = dict.fromkeys((prediction.predicted, prediction.label))  # one if it is correct
    with st.grid(len(labels) + 1, min_column_width=110, gap="small") as grid:
        with grid.cell():
            st.image(pixels, width="stretch", alt=prediction.name)
            st.caption("The picture")
        for label, heat in zip(labels, maps[index], strict=False):
            crop = view.run.config().crop
            covered = heatmap.overlay(pixels, heat, crop=crop, strength=strength)
            with grid.cell():
                st.image(covered, width="stretch", alt=f"Heat map for {classes[label]}")
                st.caption(f"Evidence for **{text.plain(classes[label], 40)}**")


def _has_heat_maps(view: CompleteRun) -> bool:
    """Whether the run has them; if not, say so."""
    if view.run.heatmaps() is not None:
        return True
    st.caption(
        "The heat maps of this run are being made."
        if view.run.at_work(view.settings)
        else "This run has no heat maps."
    )
    return False


def _answers(view: CompleteRun, prediction: Prediction, count: int) -> None:
    for label, probability in prediction.top[:count]:
        actual = " · actual" if label == prediction.label else ""
        name, share = view.report.classes[label], text.share(probability)
        widgets.bar(name, probability, f"{share}{actual}")
