"""Store uploads, have a worker examine them, and delete them after a while."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from core import intake, runs
from core.archive import sources, unpacking
from core.archive.sources import Source
from core.checks import Finding
from core.errors import NotEnoughResources, UnknownModel
from core.images import Scale
from core.intake import Intake
from core.jobs import JobFolder, enqueue, owned_folders, quotas
from core.jobs.folder import JobSpec
from core.settings import Settings

ZIP = "upload.zip"
UNPACKED_AT_ONCE = 2
"""Archives that one process unpacks at a time: a 7z may take 256 MB of memory."""
PATIENCE_SECONDS = 300
_UNPACKING = threading.BoundedSemaphore(UNPACKED_AT_ONCE)


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


def store(
    write: Callable[[Path], None],
    name: str,
    settings: Settings,
    notes: Iterable[Finding] = (),
    *,
    by: str = "",
    unsorted: bool = False,
    one_class: bool = False,
    scale: Scale | None = None,
) -> Upload:
    """Store pictures as a zip and queue their examination.

    Args:
        write: called with the path of the zip; for example, `unpacking.pack` writes it.
        notes: findings to report along with those of the checks.
        by: id of the visitor; empty without visitors.
        unsorted: whether they have no classes, so that `core.labelling` ingests them.
        one_class: whether folders do not matter, because all pictures are of one class.
        scale: as in `ingestion.ingest`.

    Raises:
        LimitExceeded: the queue is full, or the visitor has no space left.
        NotEnoughResources: the zip does not fit on the disk.
    """
    with _new_upload(settings, by) as upload:
        write(upload.path / ZIP)
        arguments = {
            "source": str(upload.path / ZIP),
            "name": name,
            "notes": [note.model_dump(mode="json") for note in notes],
            "unsorted": unsorted,
            "one_class": one_class,
            "scale": scale and scale.model_dump(),
        }
        enqueue(upload.path, JobSpec(kind="intake", arguments=arguments), settings, by=by)
    return upload


def unpack(
    stream: IO[bytes], settings: Settings, *, prefix: str = "", by: str = ""
) -> tuple[Upload, list[Source]]:
    """Store and unpack a zip of pictures to predict, with a prefix to their names, unexamined.

    Raises:
        BadArchive: the zip is damaged or unsafe.
        LimitExceeded: the zip exceeds a limit.
        NotEnoughResources: they do not fit on the disk, or others are unpacked for too long.
    """
    with _new_upload(settings, by) as upload:
        path = upload.path / ZIP
        with path.open("wb") as target:
            unpacking.copy(stream, target, settings)
        if not _UNPACKING.acquire(timeout=PATIENCE_SECONDS):
            raise NotEnoughResources(
                "This host is busy with other archives. Try again in a minute."
            )
        try:
            pictures = sources.in_archive(path, upload.pictures, settings, prefix=prefix)
        finally:
            _UNPACKING.release()
        path.unlink()
    return upload, pictures


def get(settings: Settings, upload_id: str) -> Upload:
    """The upload with this id. Its time until deletion starts again.

    Raises:
        UnknownModel: there is none, or it was deleted.
    """
    if owned_folders.ID.fullmatch(upload_id):
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
    owned_folders.sweep(_folder(settings), lambda: runs.folders_in_use(settings), settings)


@contextlib.contextmanager
def _new_upload(settings: Settings, by: str) -> Iterator[Upload]:
    """Create the folder of an upload; deleted again if the block raises."""
    sweep(settings)
    quotas.check_pictures(by, settings)
    with owned_folders.create(_folder(settings), "The pictures", settings, by=by) as path:
        yield Upload(path)


def _folder(settings: Settings) -> Path:
    return settings.home.resolve() / "uploads"
