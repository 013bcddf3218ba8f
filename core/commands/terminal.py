"""Print messages and progress of commands, without the output of native libraries."""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

import typer

from core.system.markdown import DIRECTIONS

if TYPE_CHECKING:
    from rich.progress import Progress

    from core.jobs.events import Event


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hide what native libraries write to standard error; the output of Python still appears.

    LiteRT and TensorFlow log versions and devices there, past `sys.stderr`.
    """
    try:
        original = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    divert(Path(os.devnull))
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    with os.fdopen(original, "w", buffering=1, errors="backslashreplace") as stream:
        try:
            with redirect_stderr(stream):
                yield
        finally:
            os.dup2(original, 2)


def divert(path: Path) -> None:
    """Let native libraries write to a file from now on."""
    with path.open("ab") as target:
        os.dup2(target.fileno(), 2)


@contextmanager
def cancelling(cancel: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C and `kill` call `cancel` during the block and raise KeyboardInterrupt.

    A library may swallow the exception; then the work ends when it next checks for a cancel.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        cancel()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def warn(sentence: str) -> None:
    """Print a message on standard error."""
    say(sentence, err=True)


def say(text: str, *, err: bool = False) -> None:
    """Print text that may hold names from outside: without control characters, as valid UTF-8."""
    TerminalProgress.close()
    typer.echo(_replaced(text, lambda char: char if char == "\n" else "\ufffd"), err=err)


def print_json(values: dict[str, Any]) -> None:
    """Print JSON on one line."""
    text = json.dumps(values, ensure_ascii=False)
    typer.echo(_replaced(text, lambda char: f"\\u{ord(char):04x}"))


def _replaced(text: str, replace: Callable[[str], str]) -> str:
    """Text in which surrogates, control characters and changes of direction are replaced."""
    bad = ("Cc", "Cs", "Zl", "Zp")
    return "".join(
        replace(c) if unicodedata.category(c) in bad or c in DIRECTIONS else c for c in text
    )


class TerminalProgress:
    """Shows the progress of a job to a person at a terminal: a bar per step, and notes."""

    _bar: ClassVar[Progress | None] = None  # of the terminal, which has one

    def __init__(self, *, silent: bool = False) -> None:
        self._silent = silent or not sys.stderr.isatty()
        self._step = ""

    def step(self, step: str, done: int, total: int, figures: str = "") -> None:
        """Show that `done` of `total` are done; a `core.system.progress.Progress`."""
        if self._silent:
            return
        if step != self._step:
            self.close()
            self._step = step
            if total > 1:
                TerminalProgress._bar = _bar(step, done, total, figures)
            else:
                say(f"{step} …", err=True)
        elif (bar := self._bar) is not None:
            bar.update(bar.task_ids[0], completed=done, total=total, figures=figures)
        if done >= total:
            self.close()

    def __call__(self, event: Event) -> None:
        """Show an event of the job."""
        if event.kind == "step":
            self.step(event.what, event.done, event.total)
        elif event.kind == "note" and not self._silent:
            say(event.sentence, err=True)
        elif event.kind == "epoch":
            figures = {
                "loss": event.loss,
                "accuracy": event.accuracy,
                "validation": event.validation_accuracy,
            }
            parts = [f"{name} {value:.3f}" for name, value in figures.items() if value is not None]
            step = f"{event.phase} {event.unit}"
            self.step(step, event.epoch, event.epochs, "  ".join(parts))

    @classmethod
    def close(cls) -> None:
        """Leave the bar as it is, and begin a new line."""
        if cls._bar is not None:
            cls._bar.stop()
            cls._bar = None


atexit.register(TerminalProgress.close)  # an interrupted bar would leave the cursor hidden


def _bar(step: str, done: int, total: int, figures: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        Remaining(),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
    )
    bar.add_task(step, total=total, completed=done, figures=figures)
    bar.start()
    return bar
