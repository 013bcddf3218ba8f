"""Speak on standard error: our own sentences, how far the work has come, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from core.jobs.events import Event


@contextmanager
def ours_alone() -> Iterator[None]:
    """Keep native libraries, which write past Python, off standard error during the block.

    LiteRT and TensorFlow announce their versions and devices there. What Python writes, a
    traceback too, still arrives.
    """
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed: there is nothing to keep clean
        yield
        return
    divert(Path(os.devnull))
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    with os.fdopen(kept, "w", buffering=1, errors="backslashreplace") as own:
        try:
            with redirect_stderr(own):
                yield
        finally:
            os.dup2(kept, 2)


def divert(path: Path) -> None:
    """Let native libraries write to a file from now on."""
    with path.open("ab") as target:
        os.dup2(target.fileno(), 2)


@contextmanager
def heeding(cancel: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C and `kill` call `cancel` during the block, besides raising KeyboardInterrupt.

    What a signal raises is lost where Python happens to be in the callback of a weak reference;
    the work then ends when it next looks whether it was cancelled.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        cancel()
        raise KeyboardInterrupt

    def drop(lost: sys.UnraisableHookArgs) -> None:
        if lost.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(lost)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    hook, sys.unraisablehook = sys.unraisablehook, drop
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


def complain(sentence: str) -> None:
    """Say what is wrong."""
    typer.echo(sentence, err=True)


class Watcher:
    """Says how far a job has come, to a person at a terminal."""

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent or not sys.stderr.isatty()
        self._what = ""

    def step(self, what: str, _done: int, _total: int) -> None:
        """One line when a new step begins; fits `core.dataset.Progress`."""
        if what != self._what:
            self._what = what
            self._say(f"{what} …")

    def __call__(self, event: Event) -> None:
        """An event of the job."""
        if event.kind == "step":
            self.step(event.what, event.done, event.total)
        elif event.kind == "note":
            self._say(event.sentence)
        elif event.kind == "epoch":
            checked = event.validation_accuracy
            validation = "" if checked is None else f"  validation {checked:.3f}"
            self._say(
                f"{event.phase} {event.unit} {event.epoch}/{event.epochs}  "
                f"loss {event.loss:.3f}  accuracy {event.accuracy:.3f}{validation}"
            )

    def _say(self, line: str) -> None:
        if not self._silent:
            typer.echo(line, err=True)
