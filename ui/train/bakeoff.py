"""Compare the backbones at hand on the visitor's pictures, and take one at a click."""

from __future__ import annotations

import streamlit as st

from core import backbones
from core.bakeoff import compare, result
from core.bakeoff import job as comparisons
from core.bakeoff.result import Candidate, Comparison
from core.errors import TuskerError
from core.evaluation import describe
from core.intake import Intake
from core.intake.uploads import Upload
from core.jobs import State, cancel, scheduling
from core.jobs.events import Step
from core.settings import Settings
from core.training.config import TrainingConfig
from ui import state, text
from ui.charts import report

NAMED = 3
"""Backbones that are listed by name."""


def offer(upload: Upload, found: Intake, config: TrainingConfig | None, settings: Settings) -> None:
    """A way to compare, how far a comparison is, or what came of it."""
    job = upload.comparison
    status = scheduling.status(job, settings) if job.exists else None
    if status is not None and not status.state.ended:
        _watch(upload, settings)
        return
    kept = result.read(job.path)
    _ask(upload, found, config, settings, again=kept is not None)
    if status is not None and status.state in (State.FAILED, State.INTERRUPTED):
        st.error(text.plain(status.sentence, 900), icon=":material/error:")
    if kept is not None and config is not None:
        _show(kept, config.backbone)
        if kept.terms != result.conditions_of(found.dataset, config):
            st.caption(
                ":material/history: This was found with other pictures, or with another seed or "
                "other shares. Compare again to be sure."
            )


def _ask(
    upload: Upload,
    found: Intake,
    config: TrainingConfig | None,
    settings: Settings,
    *,
    again: bool,
) -> None:
    rows = compare.available(settings)
    share = 1 - (config.test if config is not None and not found.dataset.predefined else 0)
    pictures = round(share * len(found.dataset.examples))
    seconds = compare.seconds(pictures, rows, upload.path, settings)
    lasts = "" if seconds is None or again else f" About {text.duration(seconds)}."
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compare again" if again else "Compare backbones",
            icon=":material/balance:",
            disabled=config is None,
            on_click=_start,
            args=(upload, found, config, settings),
        )
        st.caption(
            f"Which backbone suits your pictures? Tries {_listed([row.title for row in rows])} on "
            f"them; the test pictures take no part.{lasts}"
        )
    if state.COMPARE_REFUSAL in st.session_state:
        st.error(text.plain(st.session_state[state.COMPARE_REFUSAL], 600), icon=":material/error:")


def _start(upload: Upload, found: Intake, config: TrainingConfig, settings: Settings) -> None:
    try:
        comparisons.start(upload, found.dataset, config, settings, by=state.mark(settings))
    except TuskerError as refusal:
        st.session_state[state.COMPARE_REFUSAL] = str(refusal)
    else:
        st.session_state.pop(state.COMPARE_REFUSAL, None)


@st.fragment(run_every=1)
def _watch(upload: Upload, settings: Settings) -> None:
    job = upload.comparison
    status = scheduling.status(job, settings)
    if status.state.ended:
        st.rerun()
    line, stop = st.columns([5, 1], vertical_alignment="center")
    steps = [event for event in job.events.read() if isinstance(event, Step)]
    ahead = scheduling.position(job, settings) if status.state is State.QUEUED else 0
    with line:
        if ahead:
            st.progress(0.0, text=f"{text.count(ahead, 'comparison')} before yours")
        elif steps:
            last = steps[-1]
            said = f"{last.what} · {last.done:,} of {last.total:,}"
            if last.seconds_left is not None and last.seconds_left >= 1:
                said += f" · about {text.duration(last.seconds_left)} left in this step"
            st.progress(min(1.0, last.done / max(1, last.total)), text=said)
        else:
            st.progress(0.0, text="Starting to compare")
    stop.button(
        "Cancel",
        key="cancel comparison",
        icon=":material/stop_circle:",
        width="stretch",
        on_click=cancel,
        args=(job, settings),
    )


def _show(found: Comparison, chosen: str) -> None:
    st.markdown(text.plain(found.sentence, 900))
    table, chart = st.columns([3, 2], gap="large")
    with table:
        for one in found.contenders:
            _row(one, chosen)
        for missing in found.absent:
            title = backbones.get(missing.backbone).title
            st.caption(f":material/block: {title}: {text.plain(missing.why, 400)}")
    with chart:
        st.plotly_chart(
            report.accuracy_by_time(found, chosen),
            key="comparison",
            config={"displayModeBar": False},
            alt="Accuracy by time: "
            + "; ".join(
                f"{backbones.get(one.backbone).title} {describe(one.accuracy)} in "
                f"{one.milliseconds:.0f} ms"
                for one in found.contenders
            ),
        )
    st.caption(
        "In brackets: where the true figure lies in 95 of 100 such comparisons. Each picture is "
        "answered by a head that was not taught on it; fine-tuning may change the order."
    )


def _row(one: Candidate, chosen: str) -> None:
    used = one.backbone == chosen
    title = backbones.get(one.backbone).title
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        # Of one width each, so that they stand in columns as long as there is room.
        st.markdown(f"**{title}**  \n{one.megabytes:.1f} MB", width=190)
        st.markdown(f"{describe(one.accuracy)}  \nright", width=130)
        st.markdown(f"{one.milliseconds:.0f} ms  \na picture", width=90)
        st.button(
            "In use" if used else "Use this",
            key=f"use {one.backbone}",
            icon=":material/check:" if used else None,
            disabled=used,
            width=120,
            help=None if used else f"Train on {title}.",
            on_click=_use,
            args=(one.backbone,),
        )


def _use(backbone: str) -> None:
    st.session_state[state.BACKBONE] = backbone


def _listed(names: list[str]) -> str:
    if len(names) > NAMED:
        return f"the {len(names)} that are on this machine"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
