"""The dispatcher's process on one machine: `python -m core.jobs.dispatch KIND`."""

import sys

from core import settings as settings_module
from core.jobs import local
from core.system import log

if __name__ == "__main__":
    log.start()
    settings = settings_module.load()
    kind = sys.argv[1]
    local.dispatch(kind, settings, local.drain)  # type: ignore[arg-type]  # a Kind: we wrote it
