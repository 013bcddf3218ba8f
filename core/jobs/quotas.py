"""Limits of a public host: disk space, pictures, training minutes and queued jobs.

None of them holds in personal mode, where the machine belongs to the visitor. A visitor who deletes
their cookie counts as a new one: limits per visitor share a host out, limits for all protect it.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

from filelock import FileLock
from pydantic import TypeAdapter

from core.errors import LimitExceeded
from core.jobs.folder import JobFolder, Kind
from core.jobs.queue import Queue
from core.settings import MEGABYTE, Settings
from core.system import files, visitors

# The name of the folder of imported models on disk is older than the term.
RUNS, UPLOADS, IMPORTED = "runs", "uploads", "brought"
OWNED = (RUNS, UPLOADS, IMPORTED)
"""Folders of `TUSKER_HOME` whose subfolders belong to visitors."""
PICTURES = "pictures"
DELETED = "deleted_trainings.json"
DAY = 24 * 3600.0


def check_space(by: str, settings: Settings) -> None:
    """Check that the host and this visitor have disk space left.

    Args:
        by: the visitor's id.

    Raises:
        LimitExceeded: the host's disk, or the visitor's share of it, is full.
    """
    if settings.mode == "personal":
        return
    total = sum(files.size(settings.home / name) for name in OWNED) / MEGABYTE
    if total >= settings.disk_megabytes:
        raise LimitExceeded(
            f"This host keeps at most {settings.disk_megabytes:,} MB of pictures and models, and "
            f"holds {total:,.0f} MB. Try again later; the host can raise "
            f"{settings.variable('disk_megabytes')}."
        )
    used = sum(map(files.size, _folders(by, settings))) / MEGABYTE
    if used >= settings.visitor_megabytes:
        raise LimitExceeded(
            f"This host keeps at most {settings.visitor_megabytes:,} MB per visitor, and holds "
            f"{used:,.0f} MB of yours. Delete runs that you no longer need, or wait until your "
            f"uploads are deleted; the host can raise {settings.variable('visitor_megabytes')}."
        )


def check_pictures(by: str, settings: Settings) -> None:
    """Check that a visitor may upload more pictures.

    Raises:
        LimitExceeded: the host keeps as many pictures of this visitor as it allows.
    """
    if settings.mode == "personal":
        return
    count = sum(map(_count_pictures, _folders(by, settings)))
    if count >= settings.visitor_pictures:
        raise LimitExceeded(
            f"This host keeps at most {settings.visitor_pictures:,} pictures per visitor, and "
            f"holds {count:,} of yours. Wait until they are deleted, "
            f"{settings.upload_hours:g} hours after you last used them; the host can raise "
            f"{settings.variable('visitor_pictures')}."
        )


def check_minutes(by: str, settings: Settings) -> None:
    """Check that a visitor may train again today.

    What a training does after it gave way to the next one does not count: nobody waits for it.

    Raises:
        LimitExceeded: their trainings of the last 24 hours took as long as this host allows.
    """
    if settings.mode == "personal":
        return
    since = time.time() - DAY
    seconds = sum(_seconds_since(since, path) for path in _folders(by, settings, [RUNS]))
    seconds += sum(s for owner, at, s in _deleted(settings) if by and owner == by and at >= since)
    minutes = seconds / 60
    if minutes >= settings.visitor_minutes:
        raise LimitExceeded(
            f"This host trains at most {settings.visitor_minutes:g} minutes per visitor in 24 "
            f"hours, and has trained {minutes:.0f} for you. Try again tomorrow; the host can raise "
            f"{settings.variable('visitor_minutes')}."
        )


def keep_minutes(path: Path, settings: Settings) -> None:
    """Record the duration of a training before its folder is deleted."""
    seconds = _seconds_since(time.time() - DAY, path)
    by = visitors.owner(path)
    if settings.mode == "personal" or not seconds or not by:
        return
    with FileLock(settings.home / f"{DELETED}.lock"):
        recent = [entry for entry in _deleted(settings) if entry[1] >= time.time() - DAY]
        ended = JobFolder(path).recorded().ended_at or time.time()
        files.write_text(settings.home / DELETED, json.dumps([*recent, (by, ended, seconds)]))


def check_queue(by: str, settings: Settings) -> None:
    """Check that a visitor may queue another job.

    Raises:
        LimitExceeded: the visitor has as many jobs queued or running as this host allows.
    """
    if settings.mode == "personal" or not by:
        return
    jobs = [job for kind in get_args(Kind) for job in Queue(kind, settings).jobs()]
    own = sum(visitors.owner(job.path) == by and not status.state.ended for job, status in jobs)
    if own >= settings.visitor_jobs:
        raise LimitExceeded(
            f"This host queues at most {settings.visitor_jobs} jobs per visitor, and has {own} of "
            f"yours. Wait until one ends, or cancel it; the host can raise "
            f"{settings.variable('visitor_jobs')}."
        )


def _folders(by: str, settings: Settings, names: Iterable[str] = OWNED) -> Iterator[Path]:
    """The folders that a visitor owns; none without an id."""
    for name in names if by else ():
        with suppress(FileNotFoundError):
            yield from (p for p in (settings.home / name).iterdir() if visitors.owner(p) == by)


def _deleted(settings: Settings) -> list[tuple[str, float, float]]:
    """Owner, end and seconds of deleted trainings."""
    try:
        return TypeAdapter(list[tuple[str, float, float]]).validate_json(
            (settings.home / DELETED).read_bytes()
        )
    except (OSError, ValueError):
        return []


def _count_pictures(folder: Path) -> int:
    try:
        return sum(1 for _ in os.scandir(folder / PICTURES))
    except OSError:
        return 0


def _seconds_since(since: float, folder: Path) -> float:
    """How long the job of a folder kept others waiting, if it did not end before `since`."""
    try:
        status = JobFolder(folder).recorded()
    except OSError:
        return 0.0
    seconds = status.earlier_seconds + (status.blocking_seconds or 0.0)
    return seconds if (status.ended_at or time.time()) >= since else 0.0
