"""Training pictures whose label may be wrong: correct them, and train again."""

from functools import partial
from operator import methodcaller

import streamlit as st

from core.checks.labels import LabelIssue
from core.dataset import Dataset
from core.runs import corrections
from core.runs.annotations import Annotations, Correction
from ui import gallery, state, text, widgets
from ui.reports.views.complete_run import CompleteRun

PAGE, EDGE = 12, 160
"""Pictures on a page, and pixels of each."""
OUT = ""
"""Option besides the names of classes."""


def show(view: CompleteRun, dataset: Dataset) -> None:
    """The pictures, each with a correction to choose; nothing if no label is in doubt."""
    issues = view.run.label_issues()
    if not issues:
        return
    title = "training picture may have the wrong label"
    plural = "training pictures may have the wrong label"
    st.header(text.count(len(issues), title, plural))
    st.caption(
        "In cross-validation, another class was predicted."
        + (" Correct what is wrong; test pictures stay as they are." if view.may_change else "")
    )
    widgets.show_refusal("labels", view.run.id)
    hashes = {e.name: e.sha256 for e in dataset.examples if e.split == "train"}
    annotations = view.run.annotations()
    gallery.show(
        list(enumerate(issues)),
        "label issues",
        lambda item: _show_issue(view, dataset, *item, hashes, annotations),
        page_size=PAGE,
        width=190,
    )
    if view.may_change and annotations.corrections:
        _train_again(view, annotations)


def _show_issue(
    view: CompleteRun,
    dataset: Dataset,
    number: int,
    issue: LabelIssue,
    hashes: dict[str, str],
    annotations: Annotations,
) -> None:
    label, suggested = dataset.classes[issue.label], dataset.classes[issue.suggested]
    with widgets.reserved(EDGE):
        alt = f"{issue.name}: labelled {label}, looks like {suggested}"
        gallery.thumbnail(view.run.label_issue_thumbnail(number), alt, EDGE)
    st.caption(
        f"Labelled **{text.plain(label, 30)}**, looks like **{text.plain(suggested, 30)}** "
        f"({text.share(issue.probability)})",
        help=text.plain(issue.name),
    )
    sha256 = hashes.get(issue.name)
    if not view.may_change or sha256 is None:
        return
    others = [name for name in dataset.classes if name not in (suggested, label)]
    options = [suggested, OUT, *others]
    corrected = {
        correction.sha256: correction.label or OUT for correction in annotations.corrections
    }.get(sha256)
    key = f"label issue {view.run.id} {sha256}"
    shown = corrected if corrected in options else None
    save = partial(_correct, view, issue.name, sha256)
    st.selectbox(
        f"What is {text.spoken(issue.name)}?",
        options,
        index=None,  # so that the box can be emptied again
        format_func=lambda name: f"It is {text.short(name, 30)}" if name else "Leave it out",
        placeholder="Correct as it is",
        label_visibility="collapsed",
        **widgets.stored(key, shown, save, "labels", view.run.id),
    )


def _correct(view: CompleteRun, name: str, sha256: str, chosen: str | None) -> None:
    if chosen is None:
        view.run.annotate(methodcaller("without", sha256))
        return
    correction = Correction(sha256=sha256, name=name, label=chosen or None)
    view.run.annotate(methodcaller("corrected", correction))


def _train_again(view: CompleteRun, annotations: Annotations) -> None:
    about = ("labels", view.run.id)
    for correction in annotations.corrections:
        line, undo = st.columns([5, 1], vertical_alignment="center")
        label = correction.label
        change = "left out" if label is None else f"is {text.plain(label, 40)}"
        line.markdown(f":material/edit: {text.plain(correction.name)}: {change}")
        with undo:
            without, key = methodcaller("without", correction.sha256), f"undo {correction.sha256}"
            widgets.button("Undo", view.run.annotate, without, icon="undo", key=key, about=about)
    if view.run.pictures is None:
        st.info(
            "The pictures of this run are no longer on this host. Correct the files themselves, "
            "upload them again, and train.",
            icon=":material/info:",
        )
        return
    widgets.button(
        f"Train again with {text.count(len(annotations.corrections), 'correction')}",
        _train,
        view,
        icon="model_training",
        type="primary",
        about=about,
        help="Same settings, same test pictures. Extracted features are used again, so only the "
        "head is trained where the backbone is frozen.",
    )


def _train(view: CompleteRun) -> None:
    run = corrections.train_again(view.run, view.settings, by=state.visitor_id(view.settings))
    state.remember_opened(run.id)
    state.show_run(run.id)
