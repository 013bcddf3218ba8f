"""The pictures of a run: counts, findings, files left out, and labels that may be wrong."""

import streamlit as st

from core import runs
from core.checks import Severity
from core.dataset import Dataset, Split, known_groups
from core.dataset.grouping import GroupSource
from core.evaluation import describe
from core.evaluation.wording import difference
from core.runs.run import Run
from ui import resources, state, text, widgets
from ui.reports.views import label_issues
from ui.reports.views.complete_run import CompleteRun

SPLITS: dict[Split, str] = {"train": "Training", "validation": "Validation", "test": "Test"}


def show(view: CompleteRun) -> None:
    """Origin, label issues, counts, findings, and files that were left out."""
    dataset = resources.dataset(view.run)
    _origin(view)
    label_issues.show(view, dataset)
    _counts(dataset)
    _inflation(view.run)
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
        both = f"{origin.run},{view.run.id}"
        widgets.lead_to("reports", "Open that run", "fact_check", {state.RUN: origin.run})
        widgets.lead_to("reports", "Compare with it", "compare_arrows", {state.COMPARE: both})


def _counts(dataset: Dataset) -> None:
    st.header("Pictures by class")
    counts = {split: dataset.counts(split) for split in SPLITS}
    st.dataframe(
        {
            "Class": ["All", *dataset.classes],  # in sight without scrolling
            **{title: [sum(counts[split]), *counts[split]] for split, title in SPLITS.items()},
        },
        hide_index=True,
    )
    caption = (
        "The upload came with its own split, which was used."
        if dataset.predefined
        else "Pictures that look the same were kept together in training or test."
    )
    if dataset.grouped_by:
        by = text.plain(GroupSource.parse(dataset.grouped_by).title, 200)
        new = known_groups.new(dataset)
        if not dataset.predefined:
            caption += f" Groups {by} were kept together, too."
        if new.groups:
            groups = text.count(new.groups, "group")
            alone = f", and {text.count(new.alone, 'picture')} without a group" if new.alone else ""
            caption += f" In the test set: {groups}, none of them in training{alone}."
    st.caption(caption)


def _inflation(run: Run) -> None:
    inflation = run.inflation()
    if inflation is None:
        return
    st.header("How much better would an ordinary split have looked?")
    widgets.metrics(
        ("Difference in accuracy", difference(inflation.difference), ""),
        ("With an ordinary split", describe(inflation.ordinary), ""),
        ("With groups kept together", describe(inflation.grouped), ""),
    )
    st.caption(
        f"By cross-validation on the {text.count(inflation.pictures, 'picture')} of "
        f"{text.count(inflation.groups, 'group')} in training and validation: the same linear head "
        "on the same features, tested on pictures of groups that it was trained on, and on others. "
        "In brackets: the 95 % confidence interval, which accounts for the groups."
    )


def _findings(run: Run) -> None:
    findings = run.findings()
    if not findings:
        return
    st.header("Findings before the training")
    for finding in findings:
        sentence = f"{widgets.SEVERITY[finding.severity]} {text.plain(finding.sentence, 400)}"
        if not finding.files or finding.severity is Severity.INFORMS:
            st.markdown(sentence)
            continue
        with st.expander(sentence):
            st.dataframe({"File": list(finding.files)}, hide_index=True)
