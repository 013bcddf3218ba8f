"""What a job says, line by line."""

import math

import pytest

from core.jobs.events import Counter, Epoch, EventLog, Kept, Note, Step


@pytest.fixture
def events(tmp_path):
    return EventLog(tmp_path / "events.jsonl")


def epoch(**values):
    return Epoch(
        **{"phase": "head", "epoch": 1, "epochs": 3, "loss": 1, "accuracy": 0, "seconds": 1}
        | values
    )


def test_what_was_said_is_read_back_in_order(events):
    said = (
        Note(sentence="It begins."),
        Step(what="Looking", done=1, total=2, per_second=3.5),
        epoch(validation_loss=0.5),
        Kept(phase="head", epoch=0, validation_loss=1, validation_accuracy=0.5),
    )
    for event in said:
        events.append(event)
    assert events.read() == said


def test_nothing_was_said_before_the_file_is_there(events):
    assert events.read() == ()


def test_a_line_that_is_still_being_written_is_left_for_next_time(events):
    events.append(Note(sentence="whole"))
    whole = events.path.read_text()
    events.path.write_text(whole + whole[:20])
    assert [event.sentence for event in events.read()] == ["whole"]
    events.path.write_text(whole + whole)
    assert len(events.read()) == 2


def test_steps_in_quick_succession_are_thinned_but_the_last_is_kept(events):
    for done in range(1, 101):
        events.append(Step(what="Looking", done=done, total=100, at=done / 1000))
    for done in range(1, 4):
        events.append(Step(what="Scoring", done=done, total=9, at=0.1 + done / 2))
    kept = [(event.what, event.done) for event in events.read()]
    assert kept == [("Looking", 1), ("Looking", 100)] + [("Scoring", done) for done in (1, 2, 3)]


def test_a_loss_that_ran_away_is_told_as_it_is(events):
    events.append(epoch(loss=math.nan, validation_loss=math.inf))
    (read,) = events.read()
    assert math.isnan(read.loss)
    assert read.validation_loss == math.inf
    assert "NaN," not in events.path.read_text(), "a bare NaN is not JSON"


def test_any_character_may_be_in_a_sentence(events):
    said = Note(sentence="line\nnext\u2028other\x85end\x0b\x1c é")
    events.append(said)
    assert events.read() == (said,)


def test_a_counter_says_how_fast_it_goes_and_how_long_it_will_take(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("core.jobs.events.time.monotonic", lambda: now[0])
    said = []
    count = Counter(said.append)
    for seconds, done in ((0, 0), (2, 20), (4, 60)):
        now[0] = 10 + seconds
        count("Looking", done, 100)
    now[0] += 100
    count("Scoring", 5, 50)
    assert [step.per_second for step in said] == [None, 10, 15, None]
    assert said[2].seconds_left == pytest.approx(40 / 15)
    assert said[3].seconds_left is None
