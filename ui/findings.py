"""What was found wrong with a dataset, with the pictures, and what one click does about it."""

from __future__ import annotations

import csv
import io
from itertools import islice

import streamlit as st

from core import intake
from core.checks import Finding, Remedy, Severity
from core.dataset import Example
from core.intake import Intake
from core.intake.uploads import Upload
from core.predict.table import inert
from ui import state, text

ICONS = {
    Severity.BLOCKS: ":material/block:",
    Severity.WARNS: ":material/warning:",
    Severity.INFORMS: ":material/info:",
}
SHOWN = 24
"""Pictures shown of a finding."""


def taken(upload: Upload) -> list[Remedy]:
    """The remedies that this visitor took for an upload, in order."""
    chosen = st.session_state.get(state.REMEDIES, {}).get(upload.id, [])
    return [Remedy.model_validate(values) for values in chosen]


def show(upload: Upload, found: Intake) -> None:
    """Remedies taken, each with a way back; then what is still to be said."""
    for place, remedy in enumerate(taken(upload)):
        line, back = st.columns([5, 1], vertical_alignment="center")
        line.markdown(f":material/task_alt: Done: {text.plain(_lower(remedy.label), 200)}")
        back.button(
            "Undo",
            key=f"undo {place}",
            icon=":material/undo:",
            on_click=_undo,
            args=(upload, place),
        )
    by_name = {example.name: example for example in upload.intake().dataset.examples}
    for finding in found.findings:
        _one(upload, finding, [by_name[name] for name in finding.files if name in by_name])


def _one(upload: Upload, finding: Finding, concerned: list[Example]) -> None:
    line = f"{ICONS[finding.severity]} {text.plain(finding.sentence, 400)}"
    if not concerned and finding.remedy is None:
        st.markdown(line)
        return
    with st.expander(line, expanded=finding.severity is Severity.BLOCKS):
        if finding.remedy is not None:
            st.button(
                text.plain(finding.remedy.label, 200),
                key=f"remedy {finding.code}",
                icon=":material/healing:",
                type="primary" if finding.severity is Severity.BLOCKS else "secondary",
                on_click=_take,
                args=(upload, finding.remedy),
            )
        _pictures(upload, concerned)


def _pictures(upload: Upload, concerned: list[Example]) -> None:
    with st.grid(min_column_width=96, gap="small") as grid:
        for example in islice(concerned, SHOWN):
            with grid.cell():
                st.image(
                    str(intake.thumbnail(upload.path, example)),
                    caption=text.plain(example.name, 40),
                    alt=example.name,
                )
    if len(concerned) > SHOWN:
        st.caption(f"… and {len(concerned) - SHOWN:,} more")


def show_skipped(found: Intake) -> None:
    """Every file that was left out and why, on the screen and as CSV."""
    skipped = found.dataset.skipped
    if not skipped:
        return
    count = text.count(len(skipped), "file was left out", "files were left out")
    with st.expander(f":material/visibility_off: {count}"):
        st.dataframe(
            {"file": [file.name for file in skipped], "why": [file.reason for file in skipped]},
            hide_index=True,
        )
        st.download_button(
            "Download as CSV",
            _csv(found),
            "left_out.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _csv(found: Intake) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("file", "why"))
    writer.writerows((inert(file.name), inert(file.reason)) for file in found.dataset.skipped)
    return out.getvalue()


def _take(upload: Upload, remedy: Remedy) -> None:
    chosen = st.session_state.setdefault(state.REMEDIES, {})
    chosen.setdefault(upload.id, []).append(remedy.model_dump(mode="json"))


def _undo(upload: Upload, place: int) -> None:
    del st.session_state[state.REMEDIES][upload.id][place]


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]
