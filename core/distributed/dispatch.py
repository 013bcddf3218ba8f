"""The dispatcher's process where a Ray cluster does the jobs: the same, with another `drain`."""

import sys

from core import settings as settings_module
from core.distributed import cluster
from core.jobs import local
from core.system import log

if __name__ == "__main__":
    log.start()
    settings = settings_module.load()
    kind = sys.argv[1]
    local.dispatch(kind, settings, cluster.drain)  # type: ignore[arg-type]  # a Kind: we wrote it
