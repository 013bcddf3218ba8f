"""The pictures of a run: counts, findings, files left out, and labels that may be wrong."""

import streamlit as st

from core import runs
from core.checks import Severity
from core.dataset import Dataset
from core.runs.run import Run
from ui import resources, state, text, widgets
from ui.reports.views import label_issues
from ui.reports.views.complete_run import CompleteRun

SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}


def show(view: CompleteRun) -> None:
    """All of it."""
    dataset = resources.dataset(view.run)
    _origin(view)
    label_issues.show(view, dataset)
    _counts(dataset)
    _findings(view.run)
    widgets.skipped(dataset.skipped)


def _origin(view: CompleteRun) -> None:
    """The run that was corrected to get this one, for visitors who may see it."""
    origin = view.run.origin()
    if origin is None:
        return
    changed = text.count(len(origin.corrections), "correction")
    st.markdown(f"Trained again from **{text.plain(origin.name)}** with {changed}.")
    if not state.listing(view.settings)(runs.folder(view.settings) / origin.run):
        return
    with st.container(horizontal=True):
        if st.button("Open that run", icon=":material/fact_check:"):
            st.switch_page("pages/reports.py", query_params={state.RUN: origin.run})
        if st.button("Compare with it", icon=":material/compare_arrows:"):
            both = f"{origin.run},{view.run.id}"
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
        "The upload came with its own test set, which was used."
        if dataset.predefined
        else "Pictures that look the same were kept together in training or test."
    )


def _findings(run: Run) -> None:
    findings = run.findings()
    if not findings:
        return
    st.subheader("Findings before the training")
    for finding in findings:
        sentence = f"{widgets.SEVERITY[finding.severity]} {text.plain(finding.sentence, 400)}"
        if not finding.files or finding.severity is Severity.INFORMS:
            st.markdown(sentence)
            continue
        with st.expander(sentence):
            st.dataframe({"File": list(finding.files)}, hide_index=True)
