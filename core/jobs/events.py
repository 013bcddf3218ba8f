"""The events of a job, such as steps, epochs and notes, in an append-only file of JSON lines."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

STEP_SECONDS = 0.25
"""Minimum time between two recorded steps of the same work; the first and the last always are."""


# A loss may be NaN or infinite, which JSON can only hold as a string.
class _Event(BaseModel, frozen=True, ser_json_inf_nan="strings"):
    at: float = Field(default_factory=time.time)
    """Seconds since 1970."""


class Step(_Event):
    """Progress of countable work: `done` of `total` items."""

    kind: Literal["step"] = "step"
    what: str
    done: int
    total: int
    per_second: float | None = None
    seconds_left: float | None = None


class Epoch(_Event):
    """One pass over the training pictures, or one iteration of a solver; 0 is its start.

    Loss and accuracy on the training pictures are None where no pass measured them.
    """

    kind: Literal["epoch"] = "epoch"
    phase: str
    unit: Literal["epoch", "iteration"] = "epoch"
    epoch: int
    epochs: int
    loss: float | None = None
    accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    seconds: float
    pictures_per_second: float | None = None
    seconds_left: float | None = None


class Kept(_Event):
    """The epoch whose weights a phase kept; epoch 0 is its start.

    Weights between the start and an epoch have a share: 1 is the epoch itself. `start_accuracy`
    is the validation accuracy of the start; None where it was not measured. `reason` is a sentence
    on why a fine-tuning was left out or rejected; empty if it was kept, or in older runs.
    """

    kind: Literal["kept"] = "kept"
    phase: str
    epoch: int
    share: float = 1.0
    validation_loss: float
    validation_accuracy: float
    start_accuracy: float | None = None
    reason: str = ""


class Note(_Event):
    """A sentence for the user, who also needs it when the job has ended if it is `lasting`."""

    kind: Literal["note"] = "note"
    sentence: str
    lasting: bool = False


Event = Step | Epoch | Kept | Note
Emit = Callable[[Event], None]

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class EventLog:
    """An append-only file of events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last_step: tuple[str, float] = ("", 0.0)

    def append(self, event: Event) -> None:
        """Write an event; of steps in quick succession only some are written."""
        if isinstance(event, Step):
            step, at = self._last_step
            if event.done < event.total and step == event.what and event.at - at < STEP_SECONDS:
                return
            self._last_step = (event.what, event.at)
        with self.path.open("a", encoding="utf-8") as handle:
            handle.write(event.model_dump_json(exclude_none=True) + "\n")

    def read(self) -> tuple[Event, ...]:
        """All events so far. A line that is still being written is left out."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        events: list[Event] = []
        # Not `splitlines`: a class name may contain one of Unicode's other line ends.
        for line in text.split("\n"):
            with suppress(ValidationError):
                events.append(_ADAPTER.validate_json(line))
        return tuple(events)


class StepReporter:
    """A `Progress` that emits `Step` events, with the rate and the seconds left."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._what = ""
        self._start = 0.0
        self._first = 0

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report that `done` of `total` are done, as a `Progress`."""
        now = time.monotonic()
        if step != self._what:
            self._what, self._start, self._first = step, now, done
        seconds = now - self._start
        rate = (done - self._first) / seconds if seconds > 0.2 and done > self._first else None
        self._emit(
            Step(
                what=step,
                done=done,
                total=total,
                per_second=rate,
                seconds_left=(total - done) / rate if rate else None,
            )
        )
