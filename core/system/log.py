"""The host's log: JSON lines on standard error, without pictures, file names or complete ids.

Knowing a run's id gives access to the run, so the log has only its first characters: enough to
tell two runs apart, too few to open one. Errors are logged with their traceback.
"""

import contextlib
import json
import logging
import sys
import time
from collections import Counter

LOGGER = logging.getLogger("tusker")
ID_LENGTH = 8
"""Characters of an id that are logged."""
PER_MINUTE = 20
"""How often the same line of another library is logged."""
LONGEST = 8_000
"""Characters of a traceback, or of a message of another library: clients may choose them."""
_DETAILS = "details"


def event(name: str, **details: str | float) -> None:
    """Log an event.

    Args:
        name: a few words, the same for all events of a kind.
        details: numbers, kinds and names of settings; ids only as `short_id` makes them.
    """
    LOGGER.info(name, extra={_DETAILS: details})


def short_id(identifier: str) -> str:
    """The first characters of an id."""
    return identifier[:ID_LENGTH]


def start() -> None:
    """Send this process's log to its standard error; further calls do nothing."""
    if any(isinstance(handler.formatter, JsonLines) for handler in LOGGER.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


def limit_libraries() -> None:
    """Limit how often and how much other libraries log: clients can cause messages at will."""
    limit = RateLimit()
    for name in {*logging.root.manager.loggerDict, "asyncio", "uvicorn.error"}:
        if not name.startswith(LOGGER.name):
            logging.getLogger(name).addFilter(limit)


class RateLimit(logging.Filter):
    """Lets the same line of code log a few times per minute, and only what can be printed."""

    def __init__(self) -> None:
        super().__init__()
        self._minute, self._counts = 0.0, Counter[tuple[str, int]]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        if record.created - self._minute >= 60:
            self._minute = record.created
            self._counts.clear()
        line = record.pathname, record.lineno
        self._counts[line] += 1
        with contextlib.suppress(TypeError, ValueError, KeyError):  # the logger says what is wrong
            record.msg, record.args = _printable(_shortened(record.getMessage())), None
        if self._counts[line] == PER_MINUTE:
            record.msg = f"{record.msg} (no more of these within this minute)"
        return self._counts[line] <= PER_MINUTE


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, event, its details and, for an error, the traceback."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "what": record.getMessage(),
            **getattr(record, _DETAILS, {}),
        }
        if record.exc_info:
            line["trace"] = _shortened(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _shortened(text: str) -> str:
    """A text, without its middle if it is long."""
    half = LONGEST // 2
    return text if len(text) <= LONGEST else f"{text[:half]} … {text[-half:]}"


def _printable(text: str) -> str:
    """A text with escapes for characters that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
