"""Become a client of the Ray cluster, or find out soon that it is not there."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

from core.settings import Settings

KNOCK_SECONDS = 5.0
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
