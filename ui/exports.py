"""The files of a model to take away: while they are made, and with their proofs when they are."""

from __future__ import annotations

import streamlit as st

from core import backbones, runs
from core.export import packing
from core.jobs.events import EXPORTS_BEGIN, Note
from core.model import storage
from core.runs import Run
from core.runs.verification import FileVerification, Verification
from core.settings import MEGABYTE, Settings
from ui import text

FAILED = "The files to download could not be made"
"""How the job begins to say so."""
LARGE = 300 * MEGABYTE
"""Where all formats together are larger, not all are chosen from the start."""
USUAL = (storage.LITERT, storage.KERAS)


def offer(run: Run, settings: Settings) -> None:
    """A button for the bundle, or how far its files have come, or why they are not there."""
    if run.at_work(settings):
        _watch(run, settings)
        return
    sizes = packing.sizes(run)
    if not sizes:
        _absent(run)
    _download(run, settings, sizes, _usual(sizes))


def show(run: Run, settings: Settings) -> None:
    """Each format with its proof, which of them to take, and the bundle."""
    if run.at_work(settings):
        _watch(run, settings)
        return
    sizes, found = packing.sizes(run), run.verification()
    if run.id == runs.SAMPLE.name:
        st.info(
            "The sample comes with its report and without its model. Teach one of your own to "
            "take it away.",
            icon=":material/inventory_2:",
        )
        return
    if found is None or not sizes:
        _absent(run)
    chosen: list[str] = []
    if found is not None and sizes:
        _proofs(found, sizes)
        chosen = st.pills(
            "Formats in the bundle",
            list(sizes),
            selection_mode="multi",
            default=_usual(sizes),
            format_func=lambda file: f"{packing.title(file)}, {text.size(sizes[file])}",
            key=f"formats {run.id}",
        )
    for proof in found.results if found else ():
        if not proof.passed:
            st.warning(text.plain(proof.reason, 600), icon=":material/block:")
    _download(run, settings, sizes, chosen)
    with st.expander("What else is in it", icon=":material/folder_zip:"):
        st.markdown("\n".join(f"- `{name}`: {what}" for name, what in packing.DESCRIPTIONS.items()))
    row = backbones.get(run.config().backbone)
    st.caption(
        f"Each takes RGB pictures of {row.size}×{row.size} pixels, 0 to 255; all scaling is "
        f"inside it. Weights of {text.plain(row.title)}: {row.licence}."
    )


def _proofs(found: Verification, sizes: dict[str, int]) -> None:
    """A table of what each file answered when it was opened again."""
    passed = [proof for proof in found.results if proof.file in sizes]
    st.dataframe(
        {
            "Format": [packing.title(proof.file) for proof in passed],
            "Same class": [_percent(proof.agreement) for proof in passed],
            "Largest difference": [_difference(proof) for proof in passed],
            "Right": [_percent(proof.accuracy) for proof in passed],
            "Time a picture": [f"{proof.milliseconds or 0:.1f} ms" for proof in passed],
            "Size": [text.size(sizes[proof.file]) for proof in passed],
            "Opened with": [proof.runtime for proof in passed],
        },
        hide_index=True,
    )
    pictures = text.count(found.pictures, "test picture")
    st.caption(
        f"Each file was opened again in a process of its own and asked about {pictures} by the "
        f"program that comes with it. Of these the report has {_percent(found.accuracy)} right. "
        "Same class: as the report. Largest difference: of a probability."
    )


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share:.0f} %" if share in (0, 1) else f"{100 * share:.1f} %"


def _difference(proof: FileVerification) -> str:
    if proof.difference is None:
        return "–"
    return f"{proof.difference:.4f}" if proof.difference >= 0.0001 else "under 0.0001"


def _usual(sizes: dict[str, int]) -> list[str]:
    """What is in the bundle unless somebody chooses otherwise."""
    small = sum(sizes.values()) <= LARGE
    return [file for file in sizes if small or file in USUAL]


def _download(run: Run, settings: Settings, sizes: dict[str, int], chosen: list[str]) -> None:
    total = sum(sizes[file] for file in chosen) + sum(
        place.stat().st_size for place in packing.other_files(run).values()
    )
    st.download_button(
        f"Download the bundle ({text.size(total)})",
        lambda: packing.pack(run, settings, chosen),
        file_name=f"tusker-{run.id[:8]}.zip",
        mime="application/zip",
        icon=":material/download:",
        on_click="ignore",
        key=f"bundle {run.id}",
    )


def _absent(run: Run) -> None:
    """Say that there are no files, and what kept them from being made, as the job said it."""
    notes = [event.sentence for event in run.events() if isinstance(event, Note)]
    told = next((said for said in reversed(notes) if said.startswith(FAILED)), "")
    reason = f" The training said: “{text.plain(told, 600)}”" if told else ""
    st.warning(
        f"No file of the model was made that other programs read; the rest can be downloaded."
        f"{reason}",
        icon=":material/warning:",
    )


@st.fragment(run_every=1)
def _watch(run: Run, settings: Settings) -> None:
    if not run.at_work(settings):
        st.rerun()
    notes = [event.sentence for event in run.events() if isinstance(event, Note)]
    said = notes[-1] if notes else EXPORTS_BEGIN
    st.caption(f":material/hourglass_top: {text.plain(said, 600)} This goes on by itself.")
