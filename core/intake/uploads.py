"""Store uploads, have a worker examine them, and delete them after a while."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from core import intake, runs
from core.archive import extraction, sources
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
ZIP = "upload.zip"


class Upload:
    """The folder of an upload: an intake folder, and the job that fills it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = JobFolder(path)
        # Queues identify jobs by the names of their folders.
        self.comparison = JobFolder(path / f"comparison-{path.name}")

    @property
    def id(self) -> str:
        """128 random bits in hex; knowing the id gives access to the upload."""
        return self.path.name

    @property
    def pictures(self) -> Path:
        """The folder that the paths of the examples are relative to."""
        return intake.pictures(self.path)

    def intake(self) -> Intake:
        """The result, once the job is finished."""
        return intake.load(self.path)


def take_zip(stream: IO[bytes], name: str, settings: Settings, *, by: str = "") -> Upload:
    """Store an uploaded zip and queue its examination.

    Args:
        stream: the zip, read in chunks.
        name: of the dataset.
        settings: the limits.
        by: id of the visitor; empty without visitors.

    Raises:
        LimitExceeded: the zip is too large, or the queue is full.
        NotEnoughResources: the zip does not fit on the disk.
    """
    return take_generated(lambda path: _copy(stream, path, settings), name, settings, by=by)


def take_folder(
    files: Iterable[tuple[str, IO[bytes]]], name: str, settings: Settings, *, by: str = ""
) -> Upload:
    """Store the files of an uploaded folder as a zip and queue its examination.

    Args:
        files: paths inside the folder, and streams that are read in chunks.
        name, settings, by: as in `take_zip`.

    Raises:
        BadArchive: a path is absolute or contains `..`.
        LimitExceeded: the files are too large, or the queue is full.
        NotEnoughResources: the files do not fit on the disk.
    """
    return take_generated(
        lambda path: extraction.pack(files, path, settings), name, settings, by=by
    )


def take_generated(
    write: Callable[[Path], None],
    name: str,
    settings: Settings,
    notes: Iterable[Finding] = (),
    *,
    by: str = "",
) -> Upload:
    """Have `write` write a zip to a path, and queue its examination.

    Args:
        write: called with the path.
        name, settings, by: as in `take_zip`.
        notes: findings to report along with those of the checks.
    """
    with _new_upload(settings, by) as upload:
        write(upload.path / ZIP)
        arguments = {
            "source": str(upload.path / ZIP),
            "name": name,
            "notes": [note.model_dump(mode="json") for note in notes],
        }
        enqueue(upload.path, Order(kind="intake", arguments=arguments), settings, by=by)
    return upload


def unpack(
    stream: IO[bytes], settings: Settings, *, prefix: str = "", by: str = ""
) -> tuple[Upload, list[Source]]:
    """Store and unpack a zip of pictures to predict, without examining them.

    Args:
        stream, settings, by: as in `take_zip`.
        prefix: put before the names of the pictures.

    Raises:
        BadArchive: the zip is damaged or unsafe.
        LimitExceeded: the zip exceeds a limit.
        NotEnoughResources: the pictures do not fit on the disk.
    """
    with _new_upload(settings, by) as upload:
        visitors.set_owner(upload.path, by)
        path = upload.path / ZIP
        _copy(stream, path, settings)
        pictures = sources.in_zip(path, upload.pictures, settings, prefix=prefix)
        path.unlink()
    return upload, pictures


def delete(upload: Upload) -> None:
    """Delete an upload that no job reads."""
    shutil.rmtree(upload.path, ignore_errors=True)


def get(settings: Settings, upload_id: str) -> Upload:
    """The upload with this id. Its time until deletion starts again.

    Raises:
        UnknownModel: there is none, or it was deleted.
    """
    if UPLOAD_ID.fullmatch(upload_id):
        path = _folder(settings) / upload_id
        # Unlike `touch`, this creates nothing if a sweep has just deleted the upload.
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)
            return Upload(path)
    raise UnknownModel(
        "These pictures are no longer here: uploads are deleted after "
        f"{settings.upload_hours:g} hours. Upload them again."
    )


def sweep(settings: Settings) -> None:
    """Delete uploads that have not been used for a while and that no job needs."""
    folder = _folder(settings)
    if not folder.is_dir():
        return
    oldest = time.time() - settings.upload_hours * 3600
    old = {
        path for path in folder.iterdir() if UPLOAD_ID.fullmatch(path.name) and _used(path) < oldest
    }
    for path in old - _needed(settings) if old else ():
        jobs = (Upload(path).job, Upload(path).comparison)
        if all(not job.exists or scheduling.status(job, settings).state.ended for job in jobs):
            shutil.rmtree(path, ignore_errors=True)


def _needed(settings: Settings) -> set[Path]:
    """Uploads that an unfinished training reads."""
    needed = set()
    for run in runs.list_runs(settings):
        with contextlib.suppress(OSError, ValueError):
            if run.pictures is not None and not run.status(settings).state.ended:
                needed.add(run.pictures.parent)
    return needed


def _used(path: Path) -> float:
    """When an upload was last used, in seconds since 1970."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()


@contextlib.contextmanager
def _new_upload(settings: Settings, by: str) -> Iterator[Upload]:
    """Create the folder of an upload; deleted again if the block raises."""
    sweep(settings)
    quotas.check_space(by, settings)
    quotas.check_pictures(by, settings)
    upload = Upload(_folder(settings) / secrets.token_hex(16))
    upload.path.mkdir(parents=True)
    try:
        yield upload
    except BaseException as error:
        delete(upload)
        if isinstance(error, OSError):
            raise NotEnoughResources(
                f"The pictures could not be stored on this host ({error.strerror or error}). "
                "Try again later, or with fewer pictures."
            ) from error
        raise


def _copy(stream: IO[bytes], path: Path, settings: Settings) -> None:
    size = 0
    with path.open("wb") as handle:
        while chunk := stream.read(CHUNK):
            size += len(chunk)
            if size > settings.archive_bytes:
                raise LimitExceeded(
                    f"Expected at most {settings.archive_megabytes} MB, found "
                    f"{size / MEGABYTE:.0f} MB or more. The host can raise "
                    f"{settings.variable('archive_megabytes')}."
                )
            handle.write(chunk)


def _folder(settings: Settings) -> Path:
    return settings.home.resolve() / "uploads"
