"""Downloads of a model: the progress of the export, its verification, and the bundle."""

from __future__ import annotations

import streamlit as st

from core import backbones, runs
from core.export import packing
from core.jobs.events import EXPORTS_BEGIN, Note
from core.model import storage
from core.runs import Run
from core.runs.verification import FileVerification, Verification
from core.settings import MEGABYTE, Settings
from ui import text, widgets

FAILED = "The files to download could not be made"
"""How the note of a training that failed to export begins."""
LARGE = 300 * MEGABYTE
"""If all formats together are larger, not all are chosen at first."""
USUAL = (storage.LITERT, storage.KERAS)


def offer(run: Run, settings: Settings) -> None:
    """A button for the bundle, or the progress of the export, or why there are no files."""
    if run.at_work(settings):
        _watch(run, settings)
        return
    sizes = packing.sizes(run)
    if not sizes:
        _explain_absence(run)
    _download(run, settings, sizes, _usual(sizes))


def show(run: Run, settings: Settings) -> None:
    """Each format with its verification, a choice of formats, and the bundle."""
    if run.at_work(settings):
        _watch(run, settings)
        return
    if run.id == runs.SAMPLE.name:
        st.info(
            "The sample comes with its report and without its model. Train your own model to "
            "download one.",
            icon=":material/inventory_2:",
        )
        return
    sizes, verification = packing.sizes(run), run.verification()
    chosen: list[str] = []
    if verification is None or not sizes:
        _explain_absence(run)
    else:
        _table(verification, sizes)
        chosen = st.pills(
            "Formats in the bundle",
            list(sizes),
            selection_mode="multi",
            default=_usual(sizes),
            format_func=lambda file: f"{packing.title(file)}, {text.size(sizes[file])}",
            key=f"formats {run.id}",
        )
    for proof in verification.results if verification else ():
        if not proof.passed:
            st.warning(text.plain(proof.reason, 600), icon=":material/block:")
    _download(run, settings, sizes, chosen)
    with st.expander("What else is in it", icon=":material/folder_zip:"):
        st.markdown("\n".join(f"- `{name}`: {what}" for name, what in packing.DESCRIPTIONS.items()))
    row = backbones.get(run.config().backbone)
    st.caption(
        f"Input: RGB pictures of {row.size}×{row.size} pixels, 0 to 255; all scaling is inside the "
        f"model. Weights of {text.plain(row.title)}: {row.licence}."
    )


def _table(verification: Verification, sizes: dict[str, int]) -> None:
    """What each file predicted when it was opened again."""
    passed = [proof for proof in verification.results if proof.file in sizes]
    st.dataframe(
        {
            "Format": [packing.title(proof.file) for proof in passed],
            "Same class": [text.percent(proof.agreement) for proof in passed],
            "Largest difference": [_difference(proof) for proof in passed],
            "Accuracy": [text.percent(proof.accuracy) for proof in passed],
            "Time per picture": [f"{proof.milliseconds or 0:.1f} ms" for proof in passed],
            "Size": [text.size(sizes[proof.file]) for proof in passed],
            "Opened with": [proof.runtime for proof in passed],
        },
        hide_index=True,
    )
    pictures = text.count(verification.pictures, "test picture")
    st.caption(
        f"Each file was opened again in its own process and evaluated on {pictures} by the program "
        f"in the bundle. The report's accuracy on these is {text.percent(verification.accuracy)}. "
        "Same class: as in the report. Largest difference: of a probability."
    )


def _difference(proof: FileVerification) -> str:
    if proof.difference is None:
        return "–"
    return f"{proof.difference:.4f}" if proof.difference >= 0.0001 else "under 0.0001"


def _usual(sizes: dict[str, int]) -> list[str]:
    """The formats in the bundle unless the visitor chooses others."""
    small = sum(sizes.values()) <= LARGE
    return [file for file in sizes if small or file in USUAL]


def _download(run: Run, settings: Settings, sizes: dict[str, int], chosen: list[str]) -> None:
    total = sum(sizes[file] for file in chosen)
    total += sum(path.stat().st_size for path in packing.other_files(run).values())
    widgets.download(
        f"Download the bundle ({text.size(total)})",
        lambda: packing.pack(run, settings, chosen),
        f"tusker-{run.id[:8]}.zip",
        "application/zip",
        key=f"bundle {run.id}",
    )


def _notes(run: Run) -> list[str]:
    return [event.sentence for event in run.events() if isinstance(event, Note)]


def _explain_absence(run: Run) -> None:
    """Say that there are no exported files, with the reason from the training."""
    failure = next((note for note in reversed(_notes(run)) if note.startswith(FAILED)), "")
    reason = f" The training said: “{text.plain(failure, 600)}”" if failure else ""
    st.warning(
        "The model was not exported to formats for other programs; the rest can be downloaded."
        f"{reason}",
        icon=":material/warning:",
    )


@st.fragment(run_every=1)
def _watch(run: Run, settings: Settings) -> None:
    if not run.at_work(settings):
        st.rerun()
    note = (_notes(run) or [EXPORTS_BEGIN])[-1]
    st.caption(f":material/hourglass_top: {text.plain(note, 600)} You can leave this page.")
