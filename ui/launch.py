"""Turn an examined upload and a configuration into a run, and lead to and from it."""

from __future__ import annotations

import streamlit as st

from core import backbones, runs
from core.errors import TuskerError
from core.intake import Intake
from core.jobs import enqueue
from core.jobs.folder import Order
from core.runs import Run
from core.settings import Settings
from core.training.config import TrainingConfig
from core.uploads import Upload
from ui import resources, state, text


def start(upload: Upload, found: Intake, config: TrainingConfig, settings: Settings) -> None:
    """Create the run, put it in the queue, and let the address lead to it."""
    run = runs.create(config, found.dataset, runs.new_path(settings))
    order = Order(kind="train", arguments={"pictures": str(upload.pictures)})
    try:
        enqueue(run.path, order, settings)
    except TuskerError as refusal:
        runs.delete(run)
        st.session_state[state.REFUSAL] = str(refusal)
        return
    st.session_state.pop(state.REFUSAL, None)
    state.remember_run(run.id)
    st.query_params[state.RUN] = run.id


def wanted(settings: Settings) -> Run | None:
    """The run that the address names, from now on one of this visit; says so if there is none."""
    run_id = state.parameter(state.RUN)
    if not run_id:
        return None
    try:
        run = runs.get(settings, run_id)
    except TuskerError as refusal:
        st.warning(str(refusal))
        return None
    state.remember_run(run.id)
    return run


def show_refusal() -> None:
    """Why the last start was refused, if it was."""
    if state.REFUSAL in st.session_state:
        st.error(text.plain(st.session_state[state.REFUSAL], 600), icon=":material/error:")


def heading(run: Run) -> None:
    """Which pictures and which settings a run is about."""
    dataset, config = resources.dataset(run), run.config()
    preset = "" if config.preset == "custom" else f" · {config.preset}"
    st.markdown(
        f"**{text.plain(dataset.name)}** · {text.classes(len(dataset.classes))} · "
        f"{text.count(len(dataset.examples), 'picture')} · "
        f"{backbones.get(config.backbone).title}{preset}"
    )


def again() -> None:
    """Ways on from a run: the same pictures with other settings, or other pictures."""
    with st.container(horizontal=True):
        if state.parameter(state.UPLOAD):
            st.button("Same pictures, other settings", icon=":material/tune:", on_click=_leave_run)
        st.button("Other pictures", icon=":material/swap_horiz:", on_click=_leave_all)


def _leave_run() -> None:
    st.query_params.pop(state.RUN, None)


def _leave_all() -> None:
    for name in (state.RUN, state.UPLOAD):
        st.query_params.pop(name, None)
