"""Become a client of the Ray cluster, or find out soon that it is not there."""

from __future__ import annotations

import socket

from core.settings import Settings

KNOCK_SECONDS = 5.0


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
    ray.init(address, namespace="tusker", log_to_driver=False, logging_level="WARNING")
