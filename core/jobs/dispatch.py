"""Entry of the dispatcher's process: `python -m core.jobs.dispatch KIND`."""

import sys

from core import journal, settings
from core.jobs import local

if __name__ == "__main__":
    journal.begin()
    local.dispatch(sys.argv[1], settings.load())  # type: ignore[arg-type]  # we wrote it ourselves
