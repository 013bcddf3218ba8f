"""Who does the jobs of a queue: this machine, or the machines of a Ray cluster."""

from __future__ import annotations

from typing import Protocol

from core.jobs.lane import Lane
from core.settings import Settings


class Runner(Protocol):
    """Does the jobs of a queue.

    Only this differs from one place to another: to enqueue, cancel, and ask for status and
    position are words with the job's folder and its ticket, wherever the work is done.
    """

    def drain(self, lane: Lane) -> None:
        """Do all jobs of a queue and return when it is empty.

        Called by whoever holds the lane's lock. A job's ticket goes when its status says how it
        ended, and no job's failure is raised here.
        """


def chosen(settings: Settings) -> Runner:
    """The runner that this host has settled on."""
    if settings.runner == "ray":
        from core.jobs.cluster import Cluster  # Ray may not be installed where it is not wanted

        return Cluster(settings)
    from core.jobs.local import ThisMachine

    return ThisMachine(settings)
