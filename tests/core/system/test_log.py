import io
import json
import logging
from collections.abc import Iterator

import pytest

from core.system import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log as the host reads it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonLines())
    handlers, level = list(log.LOGGER.handlers), log.LOGGER.level
    log.LOGGER.addHandler(handler)
    log.LOGGER.setLevel(logging.INFO)
    yield stream
    log.LOGGER.handlers[:] = handlers
    log.LOGGER.setLevel(level)


def test_an_event_is_a_line_of_json_with_a_shortened_id(lines: io.StringIO) -> None:
    log.event("run published", run=log.short_id("0123456789abcdef"), kinds=2)
    record = json.loads(lines.getvalue())
    assert record.pop("at").endswith("Z")
    assert record == {"level": "info", "what": "run published", "run": "01234567", "kinds": 2}


def test_an_error_is_logged_with_its_traceback_on_one_line(lines: io.StringIO) -> None:
    try:
        raise ValueError("why")
    except ValueError as error:
        log.LOGGER.error("bug %s", "ab", exc_info=error)
    record = json.loads(lines.getvalue())
    assert record["what"] == "bug ab" and "ValueError: why" in record["trace"]


def test_a_second_start_adds_no_second_handler(lines: io.StringIO) -> None:
    before = len(log.LOGGER.handlers)
    log.start()
    log.start()
    assert len(log.LOGGER.handlers) == before


def test_a_client_cannot_fill_the_disk_with_the_same_line_of_another_library(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = "some.library"
    logging.getLogger(name)
    log.limit_libraries()
    for number in range(1000):
        logging.getLogger(name).warning("again %d", number)
    logging.getLogger(name).warning("something else")
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == "again 0" and messages[-1] == "something else"
    assert "no more of these" in messages[-2] and len(messages) == log.PER_MINUTE + 1


def test_what_a_client_chooses_neither_fills_the_log_nor_controls_a_terminal(
    caplog: pytest.LogCaptureFixture, lines: io.StringIO
) -> None:
    logger = logging.getLogger("another.library")
    log.limit_libraries()
    logger.warning("no part %s", "x" * 1_000_000)
    logger.warning("from %s\n100 %%", "\x1b]0;title\x07é\u202e")
    long, control = caplog.records
    assert len(long.getMessage()) < log.LONGEST + 10 and long.getMessage().startswith("no part x")
    assert control.getMessage() == r"from \x1b]0;title\x07é\u202e" + "\n100 %"
    caplog.clear()
    try:
        raise KeyError("x" * 1_000_000)
    except KeyError as error:
        log.LOGGER.error("bug", exc_info=error)
    trace = json.loads(lines.getvalue())["trace"]
    assert trace.startswith("Traceback") and len(trace) < log.LONGEST + 10
