"""Label a pile: test pictures, groups, then the pictures that the model doubts."""

from functools import partial

import streamlit as st

from core.evaluation.wording import figures
from core.labelling import LEFT_OUT, Labels, Learned, Pile, learn, saving
from core.settings import Settings
from ui import state, text, widgets
from ui.pile import classes, question

TYPICAL, UNTYPICAL = 12, 4
"""Number of pictures of a group that are shown: the most and the least typical ones."""
FACTOR = 1.5
"""Factor by which the buttons change the number of groups."""
STEPS = TEST, GROUPS, DOUBTS, CLASSES = "Test", "Groups", "Doubtful", "Classes"
NEXT = {GROUPS: "groups", DOUBTS: "doubtful pictures", CLASSES: "classes"}
"""The steps as the button that leads to them names them."""


@st.fragment
def show(pile: Pile, settings: Settings) -> None:
    """The steps of labelling, as a fragment: only this runs again after a click."""
    if state.parameter(state.UPLOAD):
        st.rerun()
    labels = Labels(pile)
    learned = _learn(labels)
    _head(labels, learned)
    unnamed, untested = labels.unnamed(), labels.untested()
    counts = {TEST: len(untested), GROUPS: len(unnamed)}
    st.session_state.setdefault(
        state.PILE_STEP, TEST if untested else GROUPS if unnamed else DOUBTS
    )
    step = widgets.choice(
        "What to do",
        STEPS,
        key=state.PILE_STEP,
        persist_state="session",
        # Not in the options: Streamlit forgets the choice when its text changes.
        captions=[f"{counts[step]:,} left" if counts.get(step) else "" for step in STEPS],
    )
    if step == TEST:
        _ask_test(labels, untested)
    elif step == GROUPS:
        _ask_groups(labels, unnamed)
        _next(unnamed, "Every group is named.", DOUBTS)
    elif step == DOUBTS:
        _ask_doubtful(labels, learned)
    else:
        classes.show(labels)
    widgets.show_refusal(*question.ABOUT)
    _foot(labels, settings)


_learn = st.cache_resource(
    scope="session",
    max_entries=1,
    show_spinner=False,
    hash_funcs={Labels: lambda labels: labels.version},
)(learn)


def _head(labels: Labels, learned: Learned | None) -> None:
    pile = labels.pile
    left_out = labels.names.count(LEFT_OUT)
    labelled = len(labels.names) - labels.names.count(None) - left_out
    st.markdown(
        f"**{text.plain(pile.name)}** · {text.count(len(pile.pictures), 'picture')} · "
        f"{labelled:,} labelled{f', {left_out:,} left out' if left_out else ''} · "
        + (text.classes(len(labels.classes)) if labels.classes else "no classes yet")
    )
    if learned is not None and learned.accuracy is not None:
        _, low, high = figures(learned.accuracy)
        st.markdown(
            f"**{learned.correct:,} of {learned.tested:,} test pictures correct**, 95 % confidence "
            f"interval {low}–{high} %"
        )


def _foot(labels: Labels, settings: Settings) -> None:
    problem = saving.missing(labels)
    with st.container(horizontal=True):
        widgets.button(
            "Train on these",
            partial(_save, labels, settings),
            icon="arrow_forward",
            type="primary",
            disabled=bool(problem),
            about=question.ABOUT,
        )
        widgets.download_file(
            "Download class folders",
            partial(saving.write_zip, labels),
            f"{text.short(labels.pile.name, 60)}.zip",
            icon="folder_zip",
            disabled=not labels.classes,
        )
        widgets.button(
            "Undo",
            labels.undo,
            icon="undo",
            shortcut=question.UNDO,
            disabled=not labels.can_undo,
            about=question.ABOUT,
        )
    if problem:
        st.caption(problem)


def _ask_test(labels: Labels, untested: list[int]) -> None:
    if untested:
        st.caption(
            "Label these first: drawn at random, they are the test set, and nothing is learned "
            "from them. Those without a label are not used."
        )
    question.show(labels, untested)
    _next(untested, "Every test picture is labelled or left out.", GROUPS)


def _ask_groups(labels: Labels, unnamed: list[tuple[int, list[int]]]) -> None:
    if not unnamed:
        return
    group, pictures = unnamed[0]
    st.markdown(f"**{text.count(len(pictures), 'picture')}** in this group, the most typical first")
    few = len(pictures) <= TYPICAL + UNTYPICAL
    classes.strip(labels, pictures if few else pictures[:TYPICAL])
    if not few:
        st.caption("The least typical:")
        classes.strip(labels, pictures[-UNTYPICAL:])
    divisible = bool(labels.pile.children(group))
    question.names(labels, pictures, single=False, split=group if divisible else None)
    if st.toggle("Choose single pictures of this group", key="pile choose"):
        classes.choose(labels, pictures)
    with st.container(horizontal=True):
        for label, factor in (("More groups", FACTOR), ("Fewer groups", 1 / FACTOR)):
            count = max(2, round(len(labels.groups) * factor))
            widgets.button(label, labels.regroup, count, about=question.ABOUT)


def _ask_doubtful(labels: Labels, learned: Learned | None) -> None:
    if learned is None:
        st.info("Name groups for at least two classes first.", icon=":material/info:")
        return
    doubtful = learned.doubtful(labels)
    question.show(labels, doubtful, learned)
    _next(doubtful, "You have looked at every picture.", CLASSES)


def _next(remaining: object, message: str, step: str) -> None:
    """A button to continue with the next step, once nothing remains of this one."""
    if not remaining:
        st.success(message, icon=":material/check_circle:")
        go = st.session_state.update
        widgets.button(f"Next: {NEXT[step]}", go, {state.PILE_STEP: step}, type="primary")


def _save(labels: Labels, settings: Settings) -> None:
    upload = saving.save(labels, settings, by=state.visitor_id(settings))
    st.query_params[state.UPLOAD] = upload.id
