"""Connect to the Ray cluster, or fail soon if it is not there."""

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.settings import Settings

CONNECT_SECONDS = 5.0
POLL_SECONDS = 0.2
ROOT = Path(__file__).resolve().parents[2]
"""The project, in the same folder on all machines."""


def join(settings: Settings) -> None:
    """Connect this process to the cluster that the settings name.

    Raises:
        ImportError: Ray is not installed.
        OSError: nothing listens there, or Ray finds no cluster.
        RuntimeError, ValueError: the cluster refuses this process.
    """
    import ray

    address = settings.ray_address
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        # Ray itself would try for a minute and then end the process.
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    stop = signal.getsignal(signal.SIGTERM)  # which Ray replaces
    # The driver of a client is on the head, in another folder.
    environment = {"env_vars": {"PYTHONPATH": str(ROOT)}} if address.startswith("ray://") else None
    ray.init(
        address,
        namespace="tusker",
        log_to_driver=False,
        logging_level="WARNING",
        runtime_env=environment,
    )
    if callable(stop) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)  # lets a stopped worker record it
    _raise_memory_limit()


@contextmanager
def joined(settings: Settings) -> Iterator[None]:
    """Join the cluster, and leave it after the block, which ends this process's tasks and actors.

    Raises: as `join`.
    """
    import ray

    join(settings)
    try:
        yield
    finally:
        ray.shutdown()


def ready(refs: Sequence[Any], count: int, seconds: float) -> list[Any]:
    """At most `count` references that are ready in time; short waits let signals arrive."""
    import ray

    deadline = time.monotonic() + seconds
    while count:
        results, _ = ray.wait(list(refs), num_returns=count, timeout=POLL_SECONDS)
        if len(results) == count or time.monotonic() > deadline:
            return results
    return []


def _raise_memory_limit() -> None:
    """Raise the limit of this process's address space by the size of Ray's object store.

    Reading an object maps the whole store, a third of the machine's memory.
    """
    import ray

    if sys.platform != "linux":
        return
    import resource

    limit, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return
    stores = [node["Resources"].get("object_store_memory", 0) for node in ray.nodes()]
    raised = limit + round(max(stores, default=0))
    if ceiling != resource.RLIM_INFINITY:
        raised = min(raised, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (raised, ceiling))
