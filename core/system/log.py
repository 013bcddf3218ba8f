"""What the host may read of what happened: JSON lines without pictures, file names or whole ids.

A run's id is the permission to see it, so the journal has its beginning only: enough to tell two
runs apart, too little to open one. Errors are logged whole, for whoever has to find a bug.
"""

from __future__ import annotations

import json
import logging
import sys
import time

LOG = "tusker"
SHORT = 8
"""Characters of an id that the journal has."""
_WORDS = "journal"


def note(what: str, **about: str | float) -> None:
    """Record that something happened.

    Args:
        what: in a few words that are the same every time.
        about: numbers, kinds and names of settings; ids only as `short` makes them.
    """
    logging.getLogger(LOG).info(what, extra={_WORDS: about})


def short(name: str) -> str:
    """The beginning of an id."""
    return name[:SHORT]


def begin() -> None:
    """Write the journal of this process to its standard error, once."""
    logger = logging.getLogger(LOG)
    if any(isinstance(handler.formatter, Lines) for handler in logger.handlers):
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class Lines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line: time, level, what happened, and about what."""
        line = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "what": record.getMessage(),
            **getattr(record, _WORDS, {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
