"""Findings about an upload, with pictures, and the remedies that one click applies."""

from __future__ import annotations

import streamlit as st

from core import intake
from core.checks import GROUPS, Finding, Remedy, Severity
from core.dataset import Example
from core.intake import Intake
from core.intake.uploads import Upload
from ui import gallery, state, text, widgets


def applied(upload: Upload) -> list[Remedy]:
    """The remedies that this visitor applied to an upload, in order."""
    remedies = st.session_state.get(state.REMEDIES, {}).get(upload.id, [])
    return [Remedy.model_validate(values) for values in remedies]


def show(upload: Upload, examined: Intake) -> None:
    """Applied remedies, each with a button to undo it, then the findings that are left."""
    for place, remedy in enumerate(applied(upload)):
        line, undo = st.columns([5, 1], vertical_alignment="center")
        label = remedy.label[:1].lower() + remedy.label[1:]
        line.markdown(f":material/task_alt: Done: {text.plain(label, 200)}")
        undo.button(
            "Undo",
            key=f"undo {place}",
            icon=":material/undo:",
            on_click=_undo,
            args=(upload, place),
        )
    by_name = {example.name: example for example in upload.intake().dataset.examples}
    for finding in examined.findings:
        if finding.code == GROUPS:
            continue  # below the choice of groups
        examples = [by_name[name] for name in finding.files if name in by_name]
        _show_finding(upload, finding, examples)


def _show_finding(upload: Upload, finding: Finding, examples: list[Example]) -> None:
    sentence = f"{widgets.SEVERITY[finding.severity]} {text.plain(finding.sentence, 400)}"
    if not examples and finding.remedy is None:
        st.markdown(sentence)
        return
    blocks = finding.severity is Severity.BLOCKS
    with st.expander(sentence, expanded=blocks):
        if finding.remedy is not None:
            st.button(
                text.plain(finding.remedy.label, 200),
                key=f"remedy {finding.code}",
                icon=":material/healing:",
                type="primary" if blocks else "secondary",
                on_click=_apply,
                args=(upload, finding.remedy),
            )
        gallery.show(
            examples,
            f"finding {finding.sentence}",
            lambda example: _picture(upload, example),
            width=96,
        )


def _picture(upload: Upload, example: Example) -> None:
    st.image(
        str(intake.thumbnail(upload.path, example)),
        caption=text.plain(example.name, 40),
        alt=example.name,
    )


def _apply(upload: Upload, remedy: Remedy) -> None:
    remedies = st.session_state.setdefault(state.REMEDIES, {})
    remedies.setdefault(upload.id, []).append(remedy.model_dump(mode="json"))


def _undo(upload: Upload, place: int) -> None:
    del st.session_state[state.REMEDIES][upload.id][place]
