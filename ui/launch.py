"""Start, resume and repeat trainings."""

import contextlib
from functools import partial
from pathlib import Path

import streamlit as st

from core import runs
from core.errors import TuskerError
from core.intake import Intake, uploads
from core.intake.uploads import Upload
from core.jobs import State, quotas
from core.runs import Run, Summary, resuming
from core.settings import Settings
from core.training.config import TrainingConfig
from ui import state, widgets

CHECKPOINT = "Continues from the last checkpoint, with the same result as without the interruption."


def start(
    upload: Upload,
    examined: Intake,
    config: TrainingConfig,
    settings: Settings,
    start_from: Path | None = None,
    *,
    name: str = "",
) -> None:
    """Create a run of this visit, put it in the queue, and let the address lead to it.

    Args:
        examined: the intake of the upload; its findings are kept for the report.
        start_from: folder of the model that the training starts from, if any.
        name: key of the field with the name of the run, if there is one.

    Raises:
        TuskerError: it is refused.
    """
    runs.sweep(settings)

    def prepare(run: Run) -> None:
        if name and (entered := str(st.session_state.get(name, ""))):
            run.annotate(lambda annotations: annotations.named(entered))

    uploads.get(settings, upload.id)
    run = runs.queue_training(
        config,
        examined.dataset,
        examined.findings,
        runs.training_spec(upload.pictures, start_from),
        settings,
        by=state.visitor_id(settings),
        prepare=prepare,
    )
    if name:  # not the name of the next run on these pictures
        st.session_state[name] = ""
    state.remember_opened(run.id)
    state.show_run(run.id)


def offer_next_steps(run: Run, summary: Summary, settings: Settings) -> None:
    """Buttons for after a run: resume or repeat it, or train with other settings or pictures."""
    upload = _upload_of(run, settings)
    ended_early = summary.damaged or (summary.state.ended and not summary.complete)
    # Resuming a run makes the visitor its owner, so a link alone is not enough.
    resumable = (
        summary.state is State.INTERRUPTED
        and not summary.damaged
        and state.may_change(run.id, settings)
        and resuming.resumable(run, settings)
    )
    with st.container(horizontal=True):
        if upload is not None and (resumable or ended_early):
            widgets.button(
                "Continue" if resumable else "Start again with the same settings",
                partial(_resume if resumable else _repeat, run, upload, settings),
                icon="resume" if resumable else "replay",
                type="primary",
                help=CHECKPOINT if resumable else None,
                about=("next", run.id),
            )
        if upload is not None:
            query = {state.UPLOAD: upload.id}
            widgets.lead_to("train", "Same pictures, other settings", "tune", query)
        st.button("Other pictures", icon=":material/swap_horiz:", on_click=_leave_pictures)
    if ended_early and upload is None:
        st.caption("Its pictures are no longer here. To try again, upload them again.")
    elif ended_early and run.epochs():
        st.caption("Extracted features are kept as long as the pictures, so a new start is faster.")
    widgets.show_refusal("next", run.id)


def _leave_pictures() -> None:
    state.leave_pictures()
    st.switch_page("pages/train.py")


def _upload_of(run: Run, settings: Settings) -> Upload | None:
    """The upload that a run of this visitor was trained on, while it is still here."""
    folder = run.pictures
    if folder is None or not state.may_change(run.id, settings):
        return None
    with contextlib.suppress(TuskerError):
        upload = uploads.get(settings, folder.parent.name)
        return upload if upload.pictures == folder else None
    return None


def _resume(run: Run, _upload: Upload, settings: Settings) -> None:
    if state.may_change(run.id, settings):
        quotas.check_minutes(state.visitor_id(settings), settings)
        resuming.resume(run, settings, by=state.visitor_id(settings))


def _repeat(run: Run, upload: Upload, settings: Settings) -> None:
    examined = Intake(dataset=run.dataset(), findings=run.findings())
    start(upload, examined, run.config(), settings, run.start)
