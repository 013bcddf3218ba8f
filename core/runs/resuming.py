"""Resume an interrupted training: the same job once more, in the same folder."""

import time

from core.errors import BadDataset, BadInput
from core.jobs import enqueue
from core.jobs.queue import Queue
from core.runs.run import Run
from core.settings import Settings

PATIENCE_SECONDS = 5.0
"""How many seconds to wait for another tab, or the dispatcher, to release the run."""
POLL_SECONDS = 0.05


def resumable(run: Run, settings: Settings) -> bool:
    """Whether an unfinished training can be resumed: its pictures are still here."""
    return bool(not run.complete and run.job.exists and not run.at_work(settings) and run.pictures)


def resume(run: Run, settings: Settings, *, by: str = "") -> None:
    """Put an interrupted training into its queue again.

    Features come from the cache (see `core.training.cache`) and everything else follows from the
    seed, so the report is the one that an undisturbed training would have written. A second call
    has no effect.

    Args:
        by: id of the visitor who owns the run.

    Raises:
        BadInput: the run has its report already, or another process still cleans up after it.
        BadDataset: its pictures were deleted.
        LimitExceeded: too many trainings wait already.
    """
    if run.complete:
        raise BadInput("Expected an interrupted training, but this one has its report.")
    if not run.job.exists or run.at_work(settings):
        return
    if run.pictures is None:
        raise BadDataset(
            "The pictures of this run are no longer here: uploads are deleted after "
            f"{settings.upload_hours:g} hours. Upload them again and start a new training."
        )
    _wait_for_supervisor(run, settings)
    # Held until the run is in the queue, so that the second of two tabs finds it there.
    with run.job.try_lock(timeout=PATIENCE_SECONDS) as free:
        if not run.job.recorded().state.ended:
            return
        if not free:
            raise BadInput(
                "Another process is still cleaning up after this training. "
                "Try again in a few seconds."
            )
        run.clear()
        enqueue(run.path, run.job.spec(), settings, by=by)


def _wait_for_supervisor(run: Run, settings: Settings) -> None:
    """Wait until the process that supervised the training has cleaned up."""
    queue, deadline = Queue("train", settings), time.monotonic() + PATIENCE_SECONDS
    while queue.ticket_of(run.job) is not None and queue.held and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
