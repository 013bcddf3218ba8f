"""Uploads on their way to a dataset: stored, examined by a worker, forgotten after a while."""

from __future__ import annotations

import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from core import intake, runs
from core.errors import LimitExceeded, UnknownModel
from core.files import CHUNK
from core.intake import Intake
from core.jobs import JobFolder, enqueue
from core.jobs.folder import Order
from core.settings import MEGABYTE, Settings

UPLOAD_ID = re.compile(r"[0-9a-f]{32}")
GIVEN = "given.zip"


class Upload:
    """One upload's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = JobFolder(path)

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


def take_zip(stream: IO[bytes], name: str, settings: Settings) -> Upload:
    """Store an uploaded zip and have it examined.

    Raises:
        LimitExceeded: it is larger than this host allows.
    """
    return _take(name, settings, lambda path: _copy(stream, path, settings))


def take_folder(files: Iterable[tuple[str, IO[bytes]]], name: str, settings: Settings) -> Upload:
    """Store the files of an uploaded folder, by their path in it, and have them examined.

    They are packed without compression, so that there is one way in for all uploads.

    Raises:
        LimitExceeded: they are larger than this host allows.
    """

    def pack(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for member, stream in files:
                with archive.open(member.lstrip("/"), "w", force_zip64=True) as packed:
                    shutil.copyfileobj(stream, packed, CHUNK)
                _check_size(path.stat().st_size, settings)

    return _take(name, settings, pack)


def take_made(make: Callable[[Path], None], name: str, settings: Settings) -> Upload:
    """Have a zip examined that `make` writes."""
    return _take(name, settings, make)


def get(settings: Settings, upload_id: str) -> Upload:
    """The upload with this id; using it keeps it from being forgotten.

    Raises:
        UnknownModel: there is none, or it was forgotten.
    """
    path = _home(settings) / upload_id
    if not UPLOAD_ID.fullmatch(upload_id) or not path.is_dir():
        raise UnknownModel(
            "These pictures are no longer here: uploads are deleted after "
            f"{settings.upload_hours:g} hours. Upload them again."
        )
    path.touch()
    return Upload(path)


def sweep(settings: Settings) -> None:
    """Delete uploads that nobody has used for a while and no job needs."""
    oldest = time.time() - settings.upload_hours * 3600
    needed = {run.pictures.parent for run in runs.every(settings) if run.pictures is not None}
    home = _home(settings)
    for path in home.iterdir() if home.is_dir() else ():
        if path.stat().st_mtime < oldest and path not in needed:
            shutil.rmtree(path, ignore_errors=True)


def _take(name: str, settings: Settings, write: Callable[[Path], None]) -> Upload:
    sweep(settings)
    upload = Upload(_home(settings) / secrets.token_hex(16))
    upload.path.mkdir(parents=True)
    try:
        given = upload.path / GIVEN
        write(given)
        arguments = {"source": str(given), "name": name}
        enqueue(upload.path, Order(kind="intake", arguments=arguments), settings)
    except BaseException:
        shutil.rmtree(upload.path, ignore_errors=True)
        raise
    return upload


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
