"""Turn an examined upload and a configuration into a run, and lead to and from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from core import backbones, runs
from core.bundles import ImportedModel
from core.checks import Finding
from core.dataset import Dataset
from core.errors import TuskerError
from core.intake import Intake, uploads
from core.intake.uploads import Upload
from core.jobs import State, enqueue, quotas
from core.runs import Run, resuming
from core.settings import Settings
from core.training.config import TrainingConfig
from ui import missing, resources, state, text

KEPT = (
    "What it had worked out about the pictures is kept as long as they are, so another start is "
    "faster."
)

NOT_STORED = (
    "The training could not be stored on this host ({}). Delete runs that are no longer needed, or "
    "try again later."
)


def start(
    upload: Upload,
    found: Intake,
    config: TrainingConfig,
    settings: Settings,
    before: ImportedModel | None = None,
) -> None:
    """Train on an examined upload, going on from a model if the settings name one."""
    folder = None if before is None else before.path
    begin(found.dataset, config, upload, settings, found.findings, folder)


def begin(
    dataset: Dataset,
    config: TrainingConfig,
    upload: Upload,
    settings: Settings,
    findings: tuple[Finding, ...] = (),
    before: Path | None = None,
) -> None:
    """Create a run of this visit, put it in the queue, and let the address lead to it.

    Args:
        dataset: its paths are relative to the pictures of the upload.
        findings: what was found about the pictures; kept for the report.
        before: folder of the model that the training goes on from.
    """
    runs.sweep(settings)
    by = state.mark(settings)
    try:
        quotas.check_space(by, settings)
        quotas.check_minutes(by, settings)
    except TuskerError as refusal:
        st.session_state[state.REFUSAL] = str(refusal)
        return
    run = Run(runs.new_path(settings))
    try:
        runs.create(config, dataset, run.path, by=by)
        run.write_findings(findings)
        enqueue(run.path, runs.training_order(upload.pictures, before), settings, by=by)
    except (TuskerError, OSError) as error:
        runs.delete(run)
        full = isinstance(error, OSError)
        said = NOT_STORED.format(error.strerror or error) if full else str(error)
        st.session_state[state.REFUSAL] = said
        return
    st.session_state.pop(state.REFUSAL, None)
    state.remember_run(run.id)
    state.show_run(run.id)


def wanted(settings: Settings, absent: Callable[[str], object] = st.warning) -> Run | None:
    """The run that the address names, from now on one of this visit.

    Args:
        settings: those of the host.
        absent: says so where there is none.
    """
    run_id = state.parameter(state.RUN)
    if not run_id:
        return None
    try:
        run = runs.get(settings, run_id)
    except TuskerError as refusal:
        absent(missing.said(str(refusal), settings))
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
        f"**{text.plain(run.annotations().name or dataset.name)}** · "
        f"{text.classes(len(dataset.classes))} · "
        f"{text.count(len(dataset.examples), 'picture')} · "
        f"{backbones.get(config.backbone).title}{preset}"
    )


def again(run: Run, settings: Settings) -> None:
    """Ways on from a run: the same once more, the same with other settings, other pictures."""
    upload, line = pictures(run, settings), runs.summarise(run, settings)
    ended_early = line.damaged or (line.state.ended and not line.complete)
    # Whoever goes on with a run owns it, so that is not for those who only have its link.
    goes_on = (
        line.state is State.INTERRUPTED
        and not line.damaged
        and state.may_change(run.id, settings)
        and resuming.resumable(run, settings)
    )
    with st.container(horizontal=True):
        if upload is not None and goes_on:
            st.button(
                "Go on",
                type="primary",
                icon=":material/resume:",
                help="It goes on from what it had kept, and ends with the report that it would "
                "have written undisturbed.",
                on_click=_go_on,
                args=(run, settings),
            )
        elif upload is not None and ended_early:
            st.button(
                "Start again with the same settings",
                type="primary",
                icon=":material/replay:",
                on_click=_repeat,
                args=(run, upload, settings),
            )
        if upload is not None and st.button(
            "Same pictures, other settings", icon=":material/tune:"
        ):
            st.switch_page("pages/train.py", query_params={state.UPLOAD: upload.id})
        if st.button("Other pictures", icon=":material/swap_horiz:"):
            st.switch_page("pages/train.py")
    if ended_early and upload is None:
        st.caption("Its pictures are no longer here. To try again, upload them again.")
    elif ended_early and run.epochs():
        st.caption(KEPT)
    show_refusal()


def pictures(run: Run, settings: Settings) -> Upload | None:
    """The upload that a run of this visitor learned from, while it is still here."""
    if not state.may_change(run.id, settings):
        return None
    try:
        named = Path(run.job.order().arguments["pictures"])
        upload = uploads.get(settings, named.parent.name)
    except (OSError, ValueError, KeyError, TuskerError):
        return None
    return upload if upload.pictures == named else None


def _go_on(run: Run, settings: Settings) -> None:
    if not state.may_change(run.id, settings):
        return
    try:
        quotas.check_minutes(state.mark(settings), settings)
        resuming.resume(run, settings, by=state.mark(settings))
    except TuskerError as refusal:  # the queue is full, or the pictures went meanwhile
        st.session_state[state.REFUSAL] = str(refusal)
    except OSError as error:
        st.session_state[state.REFUSAL] = NOT_STORED.format(error.strerror or error)
    else:
        st.session_state.pop(state.REFUSAL, None)


def _repeat(run: Run, upload: Upload, settings: Settings) -> None:
    try:
        begin(run.dataset(), run.config(), upload, settings, run.findings(), run.start)
    except TuskerError as refusal:  # damaged meanwhile
        st.session_state[state.REFUSAL] = str(refusal)
