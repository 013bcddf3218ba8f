"""What a job says while it runs: one JSON line an event, appended and never changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

EXPORTS_BEGIN = "The files to download are being made."
"""The note with which a training leaves the report behind."""
STEP_SECONDS = 0.25
"""A step is written at most this often, besides the first and the last of its kind."""


class _Event(BaseModel):
    # A loss that ran away is told as it is: JSON has no word for it but a string.
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    at: float = Field(default_factory=time.time)
    """Seconds since 1970."""


class Step(_Event):
    """How far a countable piece of work has come."""

    kind: Literal["step"] = "step"
    what: str
    done: int
    total: int
    per_second: float | None = None
    seconds_left: float | None = None


class Epoch(_Event):
    """One pass over the training pictures, or one iteration of a solver; 0 is its start."""

    kind: Literal["epoch"] = "epoch"
    phase: str
    unit: Literal["epoch", "iteration"] = "epoch"
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    seconds: float
    pictures_per_second: float | None = None
    seconds_left: float | None = None


class Kept(_Event):
    """Which epoch's weights a phase went on with; epoch 0 is its start."""

    kind: Literal["kept"] = "kept"
    phase: str
    epoch: int
    validation_loss: float
    validation_accuracy: float


class Note(_Event):
    """A sentence for the reader."""

    kind: Literal["note"] = "note"
    sentence: str


Event = Step | Epoch | Kept | Note
Emit = Callable[[Event], None]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class EventLog:
    """An append-only file of events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last: tuple[str, float] = ("", 0.0)

    def append(self, event: Event) -> None:
        """Add an event; steps in quick succession are thinned."""
        if isinstance(event, Step):
            what, at = self._last
            if event.done < event.total and what == event.what and event.at - at < STEP_SECONDS:
                return
            self._last = (event.what, event.at)
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(event.model_dump_json(exclude_none=True) + "\n")

    def read(self) -> tuple[Event, ...]:
        """All events so far; a line that is still being written is left for next time."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        # Not `splitlines`: a class may be named with one of the other line ends of Unicode.
        return tuple(_parse(text.split("\n")))


def _parse(lines: Iterable[str]) -> Iterable[Event]:
    for line in lines:
        try:
            yield _ADAPTER.validate_json(line)
        except ValidationError:
            continue


class Counter:
    """Turns a count into steps with a rate and the time that is left."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._what = ""
        self._start = 0.0
        self._first = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` are done; fits `core.dataset.Progress`."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._start, self._first = what, now, done
        seconds = now - self._start
        rate = (done - self._first) / seconds if seconds > 0.2 and done > self._first else None
        self._emit(
            Step(
                what=what,
                done=done,
                total=total,
                per_second=rate,
                seconds_left=(total - done) / rate if rate else None,
            )
        )
