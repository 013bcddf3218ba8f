"""Training pictures whose label is in doubt: correct them, and train again."""

from __future__ import annotations

import streamlit as st

from core.checks.labels import LabelIssue
from core.dataset import Dataset
from core.errors import TuskerError
from core.runs import corrections
from core.runs.annotations import Annotations, Correction
from ui import launch, state, text
from ui.charts.drawing import share
from ui.reports.views.opened import Opened

PAGE = 12
KEEP, OUT = -1, -2
"""Options beside the classes, which are numbered from 0."""


def show(opened: Opened, dataset: Dataset) -> None:
    """The pictures with what can be done about each; nothing where no label is in doubt."""
    label_issues = opened.run.label_issues()
    said = opened.run.annotations()
    if not label_issues:
        return
    many = text.count(
        len(label_issues),
        "training picture may have the wrong label",
        "training pictures may have the wrong label",
    )
    st.subheader(many)
    st.caption(
        "A model that was not taught on them would call them something else. Look, and correct "
        "those that are wrong; test pictures stay as they are."
        if opened.mine
        else "A model that was not taught on them would call them something else."
    )
    hashes = {e.name: e.sha256 for e in dataset.examples if e.split == "train"}
    pages = -(-len(label_issues) // PAGE)
    page = st.pagination(pages, key="page doubts") if pages > 1 else 1
    with st.grid(min_column_width=190, gap="small") as grid:
        for place in range((page - 1) * PAGE, min(page * PAGE, len(label_issues))):
            with grid.cell():
                _one(opened, dataset, place, label_issues[place], hashes, said)
    if opened.mine:
        _again(opened, said)


def _one(
    opened: Opened,
    dataset: Dataset,
    place: int,
    suspect: LabelIssue,
    hashes: dict[str, str],
    said: Annotations,
) -> None:
    given, suggested = dataset.classes[suspect.label], dataset.classes[suspect.suggested]
    st.image(
        str(opened.run.label_issue_thumbnail(place)),
        width=160,
        alt=f"{suspect.name}: in {given}, looks like {suggested}",
    )
    st.caption(
        f"In **{text.plain(given, 30)}**, looks like **{text.plain(suggested, 30)}** "
        f"({share(suspect.probability)})",
        help=text.plain(suspect.name),
    )
    sha256 = hashes.get(suspect.name)
    if not opened.mine or sha256 is None:
        return
    options = [KEEP, suspect.suggested, OUT, *_others(dataset, suspect)]
    made = {one.sha256: one.label for one in said.corrections}
    st.selectbox(
        f"What is {suspect.name}?",
        options,
        index=options.index(_option(dataset, made[sha256])) if sha256 in made else 0,
        format_func=lambda option: _says(dataset, option),
        key=f"doubt {opened.run.id} {sha256}",
        on_change=_correct,
        args=(opened, dataset, suspect.name, sha256),
        label_visibility="collapsed",
    )


def _others(dataset: Dataset, suspect: LabelIssue) -> list[int]:
    mentioned = (suspect.suggested, suspect.label)
    return [label for label in range(len(dataset.classes)) if label not in mentioned]


def _option(dataset: Dataset, label: str | None) -> int:
    if label is None:
        return OUT
    return dataset.classes.index(label) if label in dataset.classes else KEEP


def _says(dataset: Dataset, option: int) -> str:
    if option < 0:
        return "Right as it is" if option == KEEP else "Leave it out"
    return f"It is {text.short(dataset.classes[option], 30)}"


def _correct(opened: Opened, dataset: Dataset, name: str, sha256: str) -> None:
    chosen = st.session_state[f"doubt {opened.run.id} {sha256}"]
    if chosen == KEEP:
        opened.run.annotate(lambda said: said.without(sha256))
        return
    label = None if chosen == OUT else dataset.classes[chosen]
    made = Correction(sha256=sha256, name=name, label=label)
    opened.run.annotate(lambda said: said.corrected(made))


def _again(opened: Opened, said: Annotations) -> None:
    """The edit list, and a new run with it."""
    if not said.corrections:
        return
    for one in said.corrections:
        line, back = st.columns([5, 1], vertical_alignment="center")
        does = "left out" if one.label is None else f"is {text.plain(one.label, 40)}"
        line.markdown(f":material/edit: {text.plain(one.name)}: {does}")
        back.button(
            "Undo",
            key=f"undo {one.sha256}",
            icon=":material/undo:",
            on_click=_undo,
            args=(opened, one.sha256),
        )
    if opened.run.pictures is None:
        st.info(
            "The pictures of this run are no longer on this host. Correct the files themselves, "
            "upload them again, and train.",
            icon=":material/info:",
        )
        return
    st.button(
        f"Train again with {text.count(len(said.corrections), 'correction')}",
        type="primary",
        icon=":material/model_training:",
        on_click=_train,
        args=(opened,),
        help="Same settings, same test pictures. Only the head is learned anew where the backbone "
        "stayed frozen: what is known of the pictures is kept.",
    )
    if state.REFUSAL in st.session_state:
        st.error(text.plain(st.session_state.pop(state.REFUSAL), 600), icon=":material/error:")


def _undo(opened: Opened, sha256: str) -> None:
    opened.run.annotate(lambda said: said.without(sha256))
    # The browser still holds what was chosen, and would send it again with the next press.
    st.session_state[f"doubt {opened.run.id} {sha256}"] = KEEP


def _train(opened: Opened) -> None:
    try:
        again = corrections.train_again(opened.run, opened.settings, by=state.mark(opened.settings))
    except TuskerError as refusal:
        st.session_state[state.REFUSAL] = str(refusal)
        return
    except OSError as error:
        st.session_state[state.REFUSAL] = launch.NOT_STORED.format(error.strerror or error)
        return
    state.remember_run(again.id)
    state.show_run(again.id)
