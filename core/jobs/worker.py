"""Entry of the worker's process: `python -m core.jobs.worker FOLDER` does the job ordered there."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from core import settings as settings_module
from core.errors import Cancelled, TuskerError
from core.jobs.folder import JobFolder, State
from core.settings import Settings
from core.training.events import Emit, Event

log = logging.getLogger(__name__)

Work = Callable[[JobFolder, Settings, Emit, dict[str, Any]], None]


def intake(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Take in an uploaded archive or folder."""
    from core import intake as room
    from core.training.events import Counter

    room.take_in(Path(arguments["source"]), arguments["name"], folder.path, settings, Counter(emit))


def prepare(_: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Prepare a backbone's serving model."""
    from core import backbones
    from core.backbones import serving
    from core.training.events import Counter

    serving.prepare(backbones.get(arguments["backbone"]), settings, Counter(emit))


def train(folder: JobFolder, settings: Settings, emit: Emit, arguments: dict[str, Any]) -> None:
    """Train, evaluate and export a run."""
    from core.runs import Run
    from core.training import pipeline

    pipeline.train(Run(folder.path), Path(arguments["pictures"]), settings, emit)


WORK: dict[str, Work] = {"intake": intake, "prepare": prepare, "train": train}


def work(folder: JobFolder, settings: Settings, watch: Emit | None = None) -> State:
    """Do the job ordered in a folder, in this process, and record how it ended.

    Args:
        watch: is told each event as well.

    Returns:
        The final state; what went wrong stands in the folder's status.
    """

    def emit(event: Event) -> None:
        folder.events.append(event)
        if watch is not None:
            watch(event)
        if folder.cancel_requested:
            raise Cancelled("It was cancelled.")

    with folder.lock().acquire(timeout=10):
        folder.begin()
        try:
            order = folder.order()
            WORK[order.kind](folder, settings, emit, order.arguments)
            folder.end(State.DONE)
        except (Cancelled, KeyboardInterrupt):
            folder.end(State.CANCELLED, "It was cancelled.")
        except TuskerError as refusal:
            folder.end(State.FAILED, str(refusal))
        except MemoryError:
            folder.end(
                State.FAILED,
                "Memory ran out. Try a smaller batch, fewer views or a smaller backbone.",
            )
        except Exception:
            log.exception("the job failed")
            folder.end(
                State.FAILED, "Something went wrong in the worker. The log says what; it is a bug."
            )
        return folder.recorded().state


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise Cancelled("It was cancelled.")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, _stop)
    work(JobFolder(Path(sys.argv[1])), settings_module.load())
