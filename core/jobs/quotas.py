"""What one visitor, and all of them together, may take of a public host.

None of it holds in personal mode, where the machine is the visitor's own. Whoever drops their
cookie is another visitor: what one may take shares a host out, what all may take protects it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from core.errors import LimitExceeded
from core.jobs.folder import JobFolder, Kind
from core.jobs.queue import jobs_of
from core.settings import MEGABYTE, Settings
from core.system import files, visitors

RUNS, UPLOADS, BROUGHT = "runs", "uploads", "brought"
PLACES = (RUNS, UPLOADS, BROUGHT)
"""Folders of `TUSKER_HOME` that hold a folder for each thing of a visitor's."""
PICTURES = "pictures"
DAY = 24 * 3600.0


def check_space(by: str, settings: Settings) -> None:
    """See to it that there is room on the disk for something more of a visitor's.

    Args:
        by: the visitor's mark.

    Raises:
        LimitExceeded: the host, or what one visitor may have of it, is full.
    """
    if settings.mode == "personal":
        return
    taken = sum(files.size(settings.home / place) for place in PLACES) / MEGABYTE
    if taken >= settings.disk_megabytes:
        raise LimitExceeded(
            f"This host keeps at most {settings.disk_megabytes:,} MB of pictures and models, and "
            f"holds {taken:,.0f} MB. Try again later; the host can raise "
            f"{settings.variable('disk_megabytes')}."
        )
    own = list(_of(by, settings))
    megabytes = sum(map(files.size, own)) / MEGABYTE
    if megabytes >= settings.visitor_megabytes:
        raise LimitExceeded(
            f"This host keeps at most {settings.visitor_megabytes:,} MB for one visitor, and holds "
            f"{megabytes:,.0f} MB of yours. Delete runs that you no longer need, or wait until "
            f"your uploads are deleted; the host can raise "
            f"{settings.variable('visitor_megabytes')}."
        )


def check_pictures(by: str, settings: Settings) -> None:
    """See to it that a visitor may bring more pictures.

    Raises:
        LimitExceeded: as many of theirs are kept as this host allows.
    """
    if settings.mode == "personal":
        return
    held = sum(map(_pictures, _of(by, settings)))
    if held >= settings.visitor_pictures:
        raise LimitExceeded(
            f"This host keeps at most {settings.visitor_pictures:,} pictures for one visitor, and "
            f"holds {held:,} of yours. Wait until they are deleted, "
            f"{settings.upload_hours:g} hours after you last used them; the host can raise "
            f"{settings.variable('visitor_pictures')}."
        )


def check_minutes(by: str, settings: Settings) -> None:
    """See to it that a visitor may have another training today.

    Raises:
        LimitExceeded: theirs have lasted as long as this host allows in 24 hours.
    """
    if settings.mode == "personal":
        return
    since = time.time() - DAY
    seconds = sum(_seconds(path, since) for path in _of(by, settings, (RUNS,)))
    if seconds >= settings.visitor_minutes * 60:
        raise LimitExceeded(
            f"This host trains for one visitor at most {settings.visitor_minutes:g} minutes in 24 "
            f"hours, and has trained {seconds / 60:.0f} for you. Try again tomorrow; the host can "
            f"raise {settings.variable('visitor_minutes')}."
        )


def check_queue(by: str, kinds: Iterable[Kind], settings: Settings) -> None:
    """See to it that a visitor may have another job in the queues.

    Args:
        kinds: of jobs, each of which has a queue.

    Raises:
        LimitExceeded: as many of theirs wait or are at work as this host allows.
    """
    if settings.mode == "personal" or not by:
        return
    jobs = [job for kind in kinds for job in jobs_of(kind, settings)]
    theirs = sum(visitors.owner(job.path) == by and not _ended(job) for job in jobs)
    if theirs >= settings.visitor_jobs:
        raise LimitExceeded(
            f"This host has at most {settings.visitor_jobs} jobs of one visitor in hand, and has "
            f"{theirs} of yours. Wait until one is done, or cancel it; the host can raise "
            f"{settings.variable('visitor_jobs')}."
        )


def _of(by: str, settings: Settings, places: Iterable[str] = PLACES) -> Iterator[Path]:
    """Folders of a visitor's; of nobody's where the visitor has no mark."""
    for place in places if by else ():
        with suppress(FileNotFoundError):
            yield from (p for p in (settings.home / place).iterdir() if visitors.owner(p) == by)


def _pictures(folder: Path) -> int:
    try:
        return sum(1 for _ in os.scandir(folder / PICTURES))
    except OSError:
        return 0


def _seconds(folder: Path, since: float) -> float:
    """How long the job of a folder was at work after a moment, in seconds."""
    try:
        status = JobFolder(folder).recorded()
    except OSError:
        return 0.0
    recent = (status.ended_at or time.time()) >= since
    return status.seconds or 0.0 if recent else 0.0


def _ended(job: JobFolder) -> bool:
    try:
        return job.recorded().state.ended
    except OSError:
        return True
