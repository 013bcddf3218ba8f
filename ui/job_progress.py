"""The progress of jobs, drawn again until they have ended."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from core.errors import TuskerError
from core.export.card import PHASES
from core.jobs import JobFolder, State, cancel, scheduling
from core.jobs.events import Epoch, Note, Step
from core.settings import Settings
from ui import text, widgets

EVERY = 0.5
"""Seconds between two looks at a job that a visitor waits for."""


def poll(ended: Callable[[], bool], draw: Callable[[], object], every: float = EVERY) -> None:
    """Draw something every so many seconds by itself, and the whole page once it has ended.

    Raises:
        TuskerError: by `ended` or `draw`, at first; later the page is drawn, which shows why.
    """
    refusals: list[TuskerError] = []
    polling = False

    def look() -> None:
        try:
            if ended():
                st.rerun()
            draw()
        except TuskerError as refusal:
            if polling:
                st.rerun()
            refusals.append(refusal)  # Streamlit would show it as an error of the app

    st.fragment(look, run_every=every)()
    if refusals:
        raise refusals[0]
    polling = True


def finished(job: JobFolder, settings: Settings) -> bool:
    """Whether the job of an upload has finished; shows its progress until then.

    Raises:
        TuskerError: it ended otherwise; the sentence says why.
    """
    status = scheduling.status(job, settings)
    if not status.state.ended:
        watch(job, settings, "upload")
    elif status.state is not State.FINISHED:
        raise TuskerError(status.sentence)
    return status.state.ended


def watch(job: JobFolder, settings: Settings, noun: str, *, may_cancel: bool = True) -> None:
    """Progress of a job; the page is drawn again once it has ended.

    Args:
        noun: what the job is, such as `upload`.
    """
    poll(
        lambda: scheduling.status(job, settings).state.ended,
        lambda: show(job, settings, noun, may_cancel=may_cancel),
    )


def show(
    job: JobFolder,
    settings: Settings,
    noun: str,
    unit: str = "",
    *,
    may_cancel: bool = True,
    expected: float | None = None,
) -> None:
    """A bar with the step of a job, its progress and the time left, and a button to cancel it.

    Args:
        noun: what the job is, such as `upload`.
        unit: of the rate, such as `pictures/s`; no rate is shown without one.
        expected: seconds that all its steps are expected to take. The bar then covers all of them.
    """
    status = scheduling.status(job, settings)
    line, stop = st.columns([5, 1], vertical_alignment="center")
    if may_cancel:
        with stop:
            cancel_button(noun, cancel, job, settings)
    if status.state is State.QUEUED:
        sentence = status.sentence or _queued(scheduling.position(job, settings), noun)
        line.progress(0.0, text=text.plain(sentence, 300))
        return
    progress = [event for event in job.events.read() if isinstance(event, Step | Epoch | Note)]
    last = progress[-1] if progress else None
    sentence, share, rate, left = _described(last)
    parts, of = [sentence], " in this step"
    if rate and unit:
        parts.append(f"{rate:,.0f} {unit}")
    seconds = status.earlier_seconds + (status.seconds or 0)
    if expected is not None:
        # Fine-tuning, the last long step, knows better than the estimate of all steps.
        fine_tunes = isinstance(last, Epoch) and last.phase == "fine-tune"
        left, of = left if fine_tunes else max(expected - seconds, left), ""
        share = min(0.99, seconds / max(seconds + left, 1e-9))
    if left >= 1:
        parts.append(f"about {text.duration(left)} left{of}")
    if seconds >= 1:
        parts.append(f"{text.duration(seconds)} so far")
    line.progress(min(1.0, share), text=text.plain(" · ".join(parts), 300))


def _queued(ahead: int, noun: str) -> str:
    """`2 trainings are ahead of yours`."""
    if not ahead:
        return "Starting"
    return f"{text.count(ahead, noun)} {'is' if ahead == 1 else 'are'} ahead of yours"


def _described(event: Step | Epoch | Note | None) -> tuple[str, float, float | None, float]:
    """What an event says, the share of its step that is done, its rate, and the seconds left."""
    match event:
        case None:
            return "Starting", 0.0, None, 0.0
        case Note():
            return event.sentence.rstrip("."), 0.0, None, 0.0
        case Step():
            done = f"{event.what}: {event.done:,} of {event.total:,}"
            share = event.done / max(1, event.total)
            return done, share, event.per_second, event.seconds_left or 0.0
        case Epoch():
            limit = "of" if event.unit == "epoch" else "of at most"
            phase = PHASES.get(event.phase, event.phase)
            # The head is trained on stored features, so its rate is not one of pictures.
            rate = None if event.phase == "head" else event.pictures_per_second
            done = f"{phase}: {event.unit} {event.epoch} {limit} {event.epochs}"
            return done, event.epoch / event.epochs, rate, event.seconds_left or 0.0


def cancel_button(noun: str, callback: Callable[..., None], *args: Any) -> None:
    """A button to cancel a job, for a column beside its bar."""
    key = f"cancel {noun}"
    widgets.button("Cancel", callback, *args, icon="stop_circle", key=key, width="stretch")
