"""Findings about an upload, with pictures, and the remedies that one click applies."""

from functools import partial
from operator import methodcaller

import streamlit as st
from filelock import Timeout

from core import intake
from core.checks import GROUPS, Finding, Severity
from core.dataset import Example
from core.dataset.findings import resolved_next
from core.intake import Intake, choices, uploads
from core.intake.choices import Choices
from core.intake.uploads import Upload
from core.settings import Settings
from core.system import files
from ui import gallery, text, widgets


def resolved(upload: Upload, settings: Settings) -> Intake:
    """The intake with the remedies that were applied, and at first those that are safe defaults.

    Raises:
        BadDataset: the upload is unfinished or damaged.
    """
    current = choices.read(upload.path)
    ungrouped = current.model_copy(update={"group": ""})
    examined = _apply(upload.id, ungrouped, files.modified(upload.path / intake.FILE), settings)
    safe = [
        found for found, _ in resolved_next(examined.findings, current.remedies, current.declined)
    ]
    if not safe:
        return examined
    # After choices that were made meanwhile, in another tab, there are other findings.
    try:
        choices.change(upload.path, lambda now: now.applying(*safe) if now == current else now)
    except Timeout:  # another tab adds pictures; the next drawing applies them
        return examined
    return resolved(upload, settings)


@st.cache_resource(scope="session", max_entries=2, show_spinner=False)
def _apply(
    upload_id: str, current: Choices, stored: tuple[int, int], _settings: Settings
) -> Intake:
    """Apply once, not at every press: the checks of 20,000 pictures take seconds."""
    del stored  # part of the cache key
    upload = uploads.get(_settings, upload_id)
    if not current.applied:
        return upload.intake()
    return intake.apply_remedies(upload.path, current.remedies, _settings)


def show(upload: Upload, examined: Intake) -> None:
    """Applied remedies, each with a button to undo it, then the remaining findings."""
    for number, applied in enumerate(choices.read(upload.path).applied):
        line, undo = st.columns([5, 1], vertical_alignment="center")
        reason = applied.reason.partition(". ")[0].rstrip(".")
        if applied.remedy.kind == "read_as":
            reason = ""  # it says how the folders were read before
        why = f" {reason}." if reason else ""
        line.markdown(
            f":material/task_alt: {text.plain(f'{applied.remedy.label}: done.{why}', 300)}"
        )
        with undo:
            widgets.button(
                "Undo",
                partial(choices.change, upload.path, methodcaller("without", applied)),
                icon="undo",
                key=f"undo {number}",
                about=("change", upload.id),
            )
    by_name = {example.name: example for example in examined.dataset.examples}
    for finding in examined.findings:
        if finding.code == GROUPS:
            continue  # below the choice of groups
        examples = [by_name[name] for name in finding.files if name in by_name]
        _show_finding(upload, finding, examples)


def _show_finding(upload: Upload, finding: Finding, examples: list[Example]) -> None:
    sentence = f"{widgets.SEVERITY[finding.severity]} {text.plain(finding.sentence, 400)}"
    blocks = finding.severity is Severity.BLOCKS
    if not examples and finding.remedy is None:
        if blocks:
            widgets.error(finding.sentence, icon=widgets.SEVERITY[finding.severity])
        else:
            st.markdown(sentence)
        return
    with st.expander(sentence, expanded=blocks):
        if finding.remedy is not None:
            widgets.button(
                text.plain(finding.remedy.label, 200),
                partial(choices.change, upload.path, methodcaller("applying", finding)),
                icon="healing",
                key=f"remedy {finding.code}",
                type="primary" if blocks else "secondary",
                about=("change", upload.id),
            )
        gallery.show(
            examples,
            f"finding {finding.sentence}",
            lambda example: _picture(upload, example),
            width=96,
        )


def _picture(upload: Upload, example: Example) -> None:
    gallery.thumbnail(intake.thumbnail(upload.path, example), example.name)
    st.caption(text.plain(example.name, 40))
