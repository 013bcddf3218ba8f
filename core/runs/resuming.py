"""Go on with a training that was interrupted: its order once more, in its own folder."""

from __future__ import annotations

import time

from core.errors import BadDataset, BadInput
from core.jobs import enqueue
from core.jobs.queue import Queue
from core.runs.run import Run
from core.settings import Settings

PATIENCE_SECONDS = 5.0
"""How long another tab, or the dispatcher, may take to be done with the same run."""
POLL_SECONDS = 0.05


def resumable(run: Run, settings: Settings) -> bool:
    """Whether a training broke off that can go on: its order and its pictures are still here."""
    return not run.complete and run.job.exists and _ended(run, settings) and run.source is not None


def resume(run: Run, settings: Settings, *, by: str = "") -> None:
    """Put a training that broke off into its queue again.

    What it had worked out about the pictures is found where it was kept (see
    `core.training.cache`), and all else follows from its seed: the report is the one that it would
    have written undisturbed. Asked for twice, it goes on once.

    Args:
        by: mark of the visitor whose it is.

    Raises:
        BadInput: it has its report already, or whoever looked after it is not done.
        BadDataset: its pictures are gone.
        LimitExceeded: too many trainings wait already.
    """
    if run.complete:
        raise BadInput("Expected a training that broke off, but this one has its report. Read it.")
    if not run.job.exists or not _ended(run, settings):
        return
    if run.source is None:
        raise BadDataset(
            "The pictures of this run are no longer here: uploads are deleted after "
            f"{settings.upload_hours:g} hours. Upload them again and start anew."
        )
    _let_go(run, settings)
    # Held until it is in the queue, so that of two tabs the second finds it there.
    with run.job.try_lock(timeout=PATIENCE_SECONDS) as free:
        if not run.job.recorded().state.ended:
            return
        if not free:
            raise BadInput(
                "Expected a training that nobody is at work on, but another process still clears "
                "up after it. Try again in a few seconds."
            )
        run.clear()
        enqueue(run.path, run.job.order(), settings, by=by)


def _let_go(run: Run, settings: Settings) -> None:
    """Wait for whoever looked after the training, and is about to clear up after it."""
    lane, deadline = Queue("train", settings), time.monotonic() + PATIENCE_SECONDS
    while lane.ticket_of(run.job) is not None and lane.held and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _ended(run: Run, settings: Settings) -> bool:
    return run.status(settings).state.ended
