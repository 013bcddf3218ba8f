"""Give a job cores of its own on a machine where several jobs are at work."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def reserved(count: int, folder: Path | None = None) -> Iterator[int]:
    """Keep this thread, and what it starts, to cores that no other job has taken.

    Each core is a lock file, which the system frees however the process ends. Where all are taken,
    or the system knows no such thing, the job runs wherever it is put.

    Args:
        count: cores that are wanted.
        folder: of the lock files; one of this machine and this user if None.

    Yields:
        How many cores it has.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield count
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
        yield len(held) or len(before)
    finally:
        os.sched_setaffinity(0, before)
        for lock in held.values():
            lock.release()
