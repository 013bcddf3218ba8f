"""Compare the available backbones on the visitor's pictures, and choose one with a click."""

import streamlit as st

from core import backbones
from core.bakeoff import compare, job, result
from core.bakeoff.result import Candidate, Comparison
from core.evaluation import describe
from core.intake import Intake, uploads
from core.intake.uploads import Upload
from core.jobs import State, scheduling
from core.settings import Settings
from core.training.config import TrainingConfig
from ui import job_progress, state, text, widgets
from ui.charts import comparison


def offer(
    upload: Upload, examined: Intake, settings: Settings, config: TrainingConfig | None
) -> None:
    """A button to compare, the progress of a comparison, or its result."""
    folder = upload.comparison
    status = scheduling.status(folder, settings) if folder.exists else None
    if status is not None and not status.state.ended:
        job_progress.watch(folder, settings, "comparison")
        return
    last = result.read(folder.path)
    rows = compare.available(settings)
    tried = text.listed([row.title for row in rows])
    share = 1 - (config.test if config is not None and not examined.dataset.predefined else 0)
    seconds = compare.seconds(round(share * len(examined.dataset.examples)), rows, settings)
    duration = "" if last else f" About {text.duration(seconds)}."
    with st.container(horizontal=True, vertical_alignment="center"):
        widgets.button(
            "Compare again" if last else "Compare backbones",
            _start,
            *(upload, examined, config, settings),
            icon="balance",
            disabled=config is None,
            about=("comparison", upload.id),
        )
        st.caption(
            f"Which backbone suits your pictures? Tries {tried} on them, without "
            f"the test pictures.{duration}"
        )
    widgets.show_refusal("comparison", upload.id)
    if status is not None and status.state in (State.FAILED, State.INTERRUPTED):
        widgets.error(status.sentence)
    if last is not None and config is not None:
        _show(last, config.backbone)
        if last.conditions != result.conditions_of(examined.dataset, config):
            st.caption(
                ":material/history: This comparison used other pictures, or another seed, other "
                "shares, another crop or other class weights. Compare again to be sure."
            )


def _start(upload: Upload, examined: Intake, config: TrainingConfig, settings: Settings) -> None:
    uploads.get(settings, upload.id)
    job.start(upload, examined.dataset, config, settings, by=state.visitor_id(settings))


def _show(compared: Comparison, chosen: str) -> None:
    st.markdown(text.plain(compared.sentence, 900))
    table, chart = st.columns([3, 2], gap="large")
    with table:
        for candidate in compared.candidates:
            _row(candidate, chosen)
        for missing in compared.unavailable:
            title = backbones.get(missing.backbone).title
            st.caption(f":material/block: {title}: {text.plain(missing.reason, 400)}")
    with chart:
        widgets.chart(comparison.accuracy_by_time(compared, chosen), key="comparison")
    st.caption(
        "In brackets: the 95 % confidence interval. Each picture is classified by a head that was "
        "not trained on it. Fine-tuning may change the order."
    )


def _row(candidate: Candidate, chosen: str) -> None:
    in_use = candidate.backbone == chosen
    title = backbones.get(candidate.backbone).title
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        # Fixed widths, so that the rows line up where the page is wide enough.
        st.markdown(f"**{title}**  \n{candidate.megabytes:.1f} MB", width=190)
        st.markdown(f"{describe(candidate.accuracy)}  \naccuracy", width=130)
        st.markdown(f"{candidate.milliseconds:.0f} ms  \nper picture", width=90)
        widgets.button(
            "In use" if in_use else "Use this",
            st.session_state.update,
            {state.BACKBONE: candidate.backbone},
            icon="check" if in_use else "",
            key=f"use {candidate.backbone}",
            disabled=in_use,
            width=120,
            help=None if in_use else f"Train on {title}.",
        )
