"""Uploads on their way to a dataset: stored, examined by a worker, forgotten after a while."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from core import archive, intake, runs
from core.archive import sources
from core.archive.sources import Source
from core.checks import Finding
from core.errors import LimitExceeded, NotEnoughResources, UnknownModel
from core.intake import Intake
from core.jobs import JobFolder, enqueue, quotas, scheduling
from core.jobs.folder import Order
from core.settings import MEGABYTE, Settings
from core.system import visitors
from core.system.files import CHUNK

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
GIVEN = "given.zip"


class Upload:
    """One upload's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = JobFolder(path)
        # A queue tells its jobs apart by the names of their folders.
        self.comparison = JobFolder(path / f"comparison-{path.name}")

    @property
    def id(self) -> str:
        """Its name, which is also the permission to use it."""
        return self.path.name

    @property
    def pictures(self) -> Path:
        """Where its pictures are."""
        return intake.pictures(self.path)

    def intake(self) -> Intake:
        """What was found in it, once its job is done."""
        return intake.load(self.path)


def take_zip(stream: IO[bytes], name: str, settings: Settings, *, by: str = "") -> Upload:
    """Store an uploaded zip and have it examined.

    Args:
        by: mark of the visitor whose it is.

    Raises:
        LimitExceeded: it is larger than this host allows, or too many wait already.
        NotEnoughResources: it does not fit on the disk.
    """
    return _take(name, settings, lambda path: _copy(stream, path, settings), by)


def take_folder(
    files: Iterable[tuple[str, IO[bytes]]], name: str, settings: Settings, *, by: str = ""
) -> Upload:
    """Store the files of an uploaded folder, by their path in it, and have them examined.

    They are packed without compression, so that there is one way in for all uploads.

    Args:
        by: mark of the visitor whose they are.

    Raises:
        BadArchive: a name that could lead out of a folder.
        LimitExceeded: they are larger than this host allows, or too many wait already.
        NotEnoughResources: they do not fit on the disk.
    """
    return _take(name, settings, lambda path: archive.pack(files, path, settings), by)


def take_made(
    make: Callable[[Path], None],
    name: str,
    settings: Settings,
    notes: tuple[Finding, ...] = (),
    *,
    by: str = "",
) -> Upload:
    """Have a zip examined that `make` writes.

    Args:
        notes: what is known about its pictures that nobody can see; told with what is found.
        by: mark of the visitor whose it is.
    """

    def write(path: Path) -> None:
        make(path)
        if notes:
            intake.note(path.parent, notes)

    return _take(name, settings, write, by)


def unpack(
    stream: IO[bytes], settings: Settings, *, under: str = "", by: str = ""
) -> tuple[Upload, list[Source]]:
    """Store and unpack a zip of pictures that are only to be asked about, here and now.

    Args:
        under: what to put before the names of its pictures.
        by: mark of the visitor whose it is.

    Raises:
        BadArchive: the zip is damaged or unsafe.
        LimitExceeded: it holds more than this host allows.
        NotEnoughResources: it does not fit on the disk.
    """
    sweep(settings)
    quotas.check_space(by, settings)
    quotas.check_pictures(by, settings)
    upload = Upload(_home(settings) / secrets.token_hex(16))
    upload.path.mkdir(parents=True)
    given = upload.path / GIVEN
    try:
        visitors.mark(upload.path, by)
        _copy(stream, given, settings)
        found = sources.in_zip(given, upload.pictures, settings, under=under)
        given.unlink()
    except OSError as error:
        forget(upload)
        raise _no_room(error) from error
    except BaseException:
        forget(upload)
        raise
    return upload, found


def forget(upload: Upload) -> None:
    """Delete an upload that no job reads."""
    shutil.rmtree(upload.path, ignore_errors=True)


def get(settings: Settings, upload_id: str) -> Upload:
    """The upload with this id; using it keeps it from being forgotten.

    Raises:
        UnknownModel: there is none, or it was forgotten.
    """
    if UPLOAD_ID.fullmatch(upload_id):
        path = _home(settings) / upload_id
        # Unlike `touch`, this makes nothing where a sweep has just been.
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            return Upload(path)
    raise UnknownModel(
        "These pictures are no longer here: uploads are deleted after "
        f"{settings.upload_hours:g} hours. Upload them again."
    )


def sweep(settings: Settings) -> None:
    """Delete uploads that nobody has used for a while and no job needs."""
    home = _home(settings)
    if not home.is_dir():
        return
    oldest = time.time() - settings.upload_hours * 3600
    old = {
        path for path in home.iterdir() if UPLOAD_ID.fullmatch(path.name) and _time(path) < oldest
    }
    for path in old - _needed(settings) if old else ():
        jobs = (Upload(path).job, Upload(path).comparison)
        if all(not job.exists or scheduling.status(job, settings).state.ended for job in jobs):
            shutil.rmtree(path, ignore_errors=True)


def _needed(settings: Settings) -> set[Path]:
    """Uploads that a training, waiting or at work, still reads."""
    needed = set()
    for run in runs.list_runs(settings):
        with contextlib.suppress(OSError, ValueError):
            if run.pictures is not None and not run.status(settings).state.ended:
                needed.add(run.pictures.parent)
    return needed


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _take(name: str, settings: Settings, write: Callable[[Path], None], by: str) -> Upload:
    sweep(settings)
    quotas.check_space(by, settings)
    quotas.check_pictures(by, settings)
    upload = Upload(_home(settings) / secrets.token_hex(16))
    upload.path.mkdir(parents=True)
    try:
        given = upload.path / GIVEN
        write(given)
        arguments = {"source": str(given), "name": name}
        enqueue(upload.path, Order(kind="intake", arguments=arguments), settings, by=by)
    except OSError as error:
        shutil.rmtree(upload.path, ignore_errors=True)
        raise _no_room(error) from error
    except BaseException:
        shutil.rmtree(upload.path, ignore_errors=True)
        raise
    return upload


def _no_room(error: OSError) -> NotEnoughResources:
    return NotEnoughResources(
        f"The pictures could not be stored on this host ({error.strerror or error}). "
        "Try again later, or with fewer pictures."
    )


def _copy(stream: IO[bytes], path: Path, settings: Settings) -> None:
    size = 0
    with path.open("wb") as handle:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            _check_size(size, settings)
            handle.write(chunk)


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.archive_bytes:
        raise LimitExceeded(
            f"Expected at most {settings.archive_megabytes} MB, found {size / MEGABYTE:.0f} MB "
            f"or more. The host can raise {settings.variable('archive_megabytes')}."
        )


def _home(settings: Settings) -> Path:
    return settings.home.resolve() / "uploads"
