"""Become a client of the Ray cluster, or find out soon that it is not there."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import Settings

if TYPE_CHECKING:
    import ray

KNOCK_SECONDS = 5.0
POLL_SECONDS = 0.2
ROOT = Path(__file__).resolve().parents[2]
"""The project, in the same folder on all machines."""


def join(settings: Settings) -> None:
    """Connect this process to the cluster that the settings name.

    Raises:
        ImportError: Ray is not installed.
        OSError: nobody listens there, or Ray finds no cluster.
        RuntimeError, ValueError: the cluster does not take this process in.
    """
    import ray

    address = settings.ray_address
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        # Ray would try for a minute, and then end the process.
        socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()
    stop = signal.getsignal(signal.SIGTERM)  # Ray puts one of its own in its place
    # A client's folder is not that of its driver, which is on the head.
    found = {"env_vars": {"PYTHONPATH": str(ROOT)}} if address.startswith("ray://") else None
    ray.init(
        address,
        namespace="tusker",
        log_to_driver=False,
        logging_level="WARNING",
        runtime_env=found,
    )
    if callable(stop) and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)  # a worker that is asked to end says so in its status
    _make_room()


def ready(refs: Sequence[ray.ObjectRef], wanted: int, seconds: float) -> list[ray.ObjectRef]:
    """At most so many that are there in time, in short waits: a signal is seen between two."""
    import ray

    deadline = time.monotonic() + seconds
    while wanted:
        found, _ = ray.wait(list(refs), num_returns=wanted, timeout=POLL_SECONDS)
        if len(found) == wanted or time.monotonic() > deadline:
            return found
    return []


def _make_room() -> None:
    """Raise a bound of this process's address space by what Ray's object store takes of it.

    Whoever meets an object there maps the whole store, a third of the machine's memory.
    """
    if sys.platform != "linux":
        return
    import resource

    import ray

    bound, ceiling = resource.getrlimit(resource.RLIMIT_AS)
    if bound == resource.RLIM_INFINITY:
        return
    stores = [node["Resources"].get("object_store_memory", 0) for node in ray.nodes()]
    wanted = bound + round(max(stores, default=0))
    if ceiling != resource.RLIM_INFINITY:
        wanted = min(wanted, ceiling)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, ceiling))
