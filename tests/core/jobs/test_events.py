import math

import pytest

from core.jobs.events import Epoch, EventLog, Kept, Note, Step, StepReporter


@pytest.fixture
def log(tmp_path):
    return EventLog(tmp_path / "events.jsonl")


def epoch(**values):
    required = {"phase": "head", "epoch": 1, "epochs": 3, "loss": 1, "accuracy": 0, "seconds": 1}
    return Epoch(**required | values)


def test_events_are_read_back_in_order(log):
    assert log.read() == ()
    events = (
        Note(sentence="line\nnext\u2028other\x85end\x0b\x1c é"),
        Step(what="Looking", done=1, total=2, per_second=3.5),
        epoch(validation_loss=0.5),
        Kept(phase="head", epoch=0, validation_loss=1, validation_accuracy=0.5),
    )
    for event in events:
        log.append(event)
    assert log.read() == events


def test_a_line_that_is_still_being_written_is_left_out(log):
    log.append(Note(sentence="whole"))
    line = log.path.read_text()
    log.path.write_text(line + line[:20])
    assert [event.sentence for event in log.read()] == ["whole"]
    log.path.write_text(line + line)
    assert len(log.read()) == 2


def test_steps_in_quick_succession_are_thinned_but_the_last_is_written(log):
    for done in range(1, 101):
        log.append(Step(what="Looking", done=done, total=100, at=done / 1000))
    for done in range(1, 4):
        log.append(Step(what="Scoring", done=done, total=9, at=0.1 + done / 2))
    steps = [(event.what, event.done) for event in log.read()]
    assert steps == [("Looking", 1), ("Looking", 100)] + [("Scoring", done) for done in (1, 2, 3)]


def test_losses_may_be_nan_or_infinite(log):
    log.append(epoch(loss=math.nan, validation_loss=math.inf))
    (event,) = log.read()
    assert math.isnan(event.loss)
    assert event.validation_loss == math.inf
    assert "NaN," not in log.path.read_text(), "a bare NaN is not JSON"


def test_a_counter_computes_the_rate_and_the_seconds_left(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("core.jobs.events.time.monotonic", lambda: now[0])
    steps = []
    count = StepReporter(steps.append)
    for seconds, done in ((0, 0), (2, 20), (4, 60)):
        now[0] = 10 + seconds
        count("Looking", done, 100)
    now[0] += 100
    count("Scoring", 5, 50)
    assert [step.per_second for step in steps] == [None, 10, 15, None]
    assert steps[2].seconds_left == pytest.approx(40 / 15)
    assert steps[3].seconds_left is None
