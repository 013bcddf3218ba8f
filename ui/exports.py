"""The files of a model to take away: while they are made, and when they are there."""

from __future__ import annotations

import streamlit as st

from core import backbones, model, samples
from core.export import bundle
from core.runs import Run
from core.settings import Settings
from core.training.events import EXPORTS_BEGIN, Note
from ui import text

FAILED = "The files to download could not be made"
"""How the job begins to say so."""


def offer(run: Run, settings: Settings) -> None:
    """A button for the bundle, or how far its files have come, or why they are not there."""
    if not run.status(settings).state.ended:
        _watch(run, settings)
        return
    sizes = bundle.sizes(run)
    missing = [name for name in (model.KERAS, model.LITERT) if name not in sizes]
    if missing and run.id == samples.RUN.name:
        st.info(
            "The sample comes with its report and without its model. Teach one of your own to "
            "take it away.",
            icon=":material/inventory_2:",
        )
        return
    if missing:
        st.warning(_why(run, missing), icon=":material/warning:")
    st.download_button(
        f"Download the bundle ({sum(sizes.values()) / 1024**2:.0f} MB)",
        lambda: bundle.packed(run, settings),
        file_name=f"tusker-{run.id[:8]}.zip",
        mime="application/zip",
        icon=":material/download:",
        on_click="ignore",
        key=f"bundle {run.id}",
    )


def _why(run: Run, missing: list[str]) -> str:
    """What kept files from being made, as the job said it."""
    notes = [event.sentence for event in run.events() if isinstance(event, Note)]
    told = next((said for said in reversed(notes) if said.startswith(FAILED)), "")
    reason = f" The training said: “{text.plain(told, 600)}”" if told else ""
    names = " and ".join(missing)
    was = "was" if len(missing) == 1 else "were"
    return f"{names} {was} not made; the rest can be downloaded.{reason}"


@st.fragment(run_every=1)
def _watch(run: Run, settings: Settings) -> None:
    if run.status(settings).state.ended:
        st.rerun()
    notes = [event.sentence for event in run.events() if isinstance(event, Note)]
    said = notes[-1] if notes else EXPORTS_BEGIN
    st.caption(f":material/hourglass_top: {said} This goes on by itself.")


def show(run: Run, settings: Settings) -> None:
    """What the bundle holds, and the bundle."""
    offer(run, settings)
    sizes = bundle.sizes(run)
    if run.id == samples.RUN.name:
        return
    st.dataframe(
        {
            "File": list(sizes),
            "What it is": [bundle.MEANING[name] for name in sizes],
            "Size": [text.size(size) for size in sizes.values()],
        },
        hide_index=True,
    )
    row = backbones.get(run.config().backbone)
    st.caption(
        f"The model takes RGB pictures of {row.size}×{row.size} pixels, 0 to 255; all scaling is "
        f"inside it. Weights of {text.plain(row.title)}: {row.licence}."
    )
