"""Reserve cores for a job on a machine where several jobs run."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def reserved(count: int, folder: Path | None = None) -> Iterator[None]:
    """Bind this thread, and those that it starts, to cores that no other job has reserved.

    Each core has a lock file, which the system releases however the process ends. If all are
    reserved, or the system cannot bind threads, the job runs on any core.

    Args:
        count: number of cores.
        folder: of the lock files; that of this user on this machine if None.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    folder = folder or Path(tempfile.gettempdir()) / f"tusker-cores-{os.getuid()}"
    folder.mkdir(parents=True, exist_ok=True)
    before = os.sched_getaffinity(0)
    held: dict[int, FileLock] = {}
    try:
        for core in sorted(before):
            if len(held) == count:
                break
            lock = FileLock(folder / f"{core}.lock")
            with suppress(Timeout):
                lock.acquire(timeout=0)
                held[core] = lock
        if held:
            os.sched_setaffinity(0, held)
        yield
    finally:
        os.sched_setaffinity(0, before)
        for lock in held.values():
            lock.release()
