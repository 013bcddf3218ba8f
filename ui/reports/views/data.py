"""What it was taught on: counts, what was found, what was left out, whose label is in doubt."""

from __future__ import annotations

import streamlit as st

from core.checks import Severity
from core.dataset import Dataset
from core.runs.run import Run
from ui import resources, state, text
from ui.findings import ICONS
from ui.reports.views import doubts
from ui.reports.views.opened import Opened

SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}


def show(opened: Opened) -> None:
    """All of it."""
    run = opened.run
    dataset = resources.dataset(run)
    _origin(opened, run)
    doubts.show(opened, dataset)
    _counts(dataset)
    _findings(run)
    _skipped(dataset)


def _origin(opened: Opened, run: Run) -> None:
    """Which run it was trained again from, for those who may see that one."""
    found = run.origin()
    if found is None:
        return
    changed = text.count(len(found.corrections), "correction")
    st.markdown(f"Trained again from **{text.plain(found.name)}** with {changed}.")
    if not state.may_list(found.run, opened.settings):
        return
    with st.container(horizontal=True):
        if st.button("Open that run", icon=":material/fact_check:"):
            st.switch_page("pages/reports.py", query_params={state.RUN: found.run})
        if st.button("Compare with it", icon=":material/compare_arrows:"):
            both = f"{found.run},{run.id}"
            st.switch_page("pages/reports.py", query_params={state.COMPARE: both})


def _counts(dataset: Dataset) -> None:
    st.subheader("Pictures by class")
    counts = {split: [0] * len(dataset.classes) for split in SPLITS}
    for example in dataset.examples:
        if example.split is not None:
            counts[example.split][example.label] += 1
    st.dataframe(
        {
            "Class": [*dataset.classes, "All"],
            **{title: [*counts[split], sum(counts[split])] for split, title in SPLITS.items()},
        },
        hide_index=True,
    )
    st.caption(
        "The upload came with its own test pictures; they were used as they were."
        if dataset.predefined
        else "Pictures that look the same are always in the same part."
    )


def _findings(run: Run) -> None:
    found = run.findings()
    if not found:
        return
    st.subheader("What was found before it learned")
    for finding in found:
        said = f"{ICONS[finding.severity]} {text.plain(finding.sentence, 400)}"
        if not finding.files or finding.severity is Severity.INFORMS:
            st.markdown(said)
            continue
        with st.expander(said):
            st.dataframe({"File": list(finding.files)}, hide_index=True)


def _skipped(dataset: Dataset) -> None:
    if not dataset.skipped:
        return
    st.subheader(text.count(len(dataset.skipped), "file was left out", "files were left out"))
    st.dataframe(
        {
            "File": [skipped.name for skipped in dataset.skipped],
            "Why": [skipped.reason for skipped in dataset.skipped],
        },
        hide_index=True,
    )
