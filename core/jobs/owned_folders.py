"""Folders named by random ids, with an owner and an age: runs, uploads and imported models."""

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from core.errors import NotEnoughResources
from core.jobs import quotas
from core.jobs.folder import JobFolder
from core.jobs.scheduling import at_work
from core.settings import Settings
from core.system import files, visitors

ID = re.compile(r"[0-9a-f]{32}")


def new_path(home: Path) -> Path:
    """A path for a new folder: 128 random bits, so that nobody can guess it."""
    return home / secrets.token_hex(16)


@contextlib.contextmanager
def create(home: Path, content: str, settings: Settings, *, by: str) -> Iterator[Path]:
    """Create a folder for a visitor, for use in a `with` block; delete it if the block raises.

    Args:
        home: the folder to create it in.
        content: subject of the message if the disk is full, such as "The pictures".
        by: id of the owner; empty without visitors.

    Raises:
        LimitExceeded: the visitor, or this host, has no disk space left.
        NotEnoughResources: the block raised an OSError.
    """
    quotas.check_space(by, settings)
    path = new_path(home)
    try:
        path.mkdir(parents=True)
        visitors.set_owner(path, by)
        yield path
    except BaseException as error:
        files.remove(path)
        if isinstance(error, OSError):
            raise NotEnoughResources(
                f"{content} could not be stored on this host ({error.strerror or error}). "
                "Try again later."
            ) from error
        raise


def list_folders(home: Path) -> list[Path]:
    """All folders with an id in `home`."""
    paths = home.iterdir() if home.is_dir() else ()
    return [path for path in paths if ID.fullmatch(path.name)]


def sweep(home: Path, needed: Callable[[], set[Path]], settings: Settings) -> None:
    """Delete folders that nobody has used for `upload_hours`, unless a job works in them.

    Args:
        home: the folder that holds them.
        needed: called if there are old folders; returns those that other jobs read.
    """
    oldest = time.time() - settings.upload_hours * 3600
    old = {path for path in list_folders(home) if files.modified(path)[0] / 1e9 < oldest}
    for path in old - needed() if old else ():
        # The job of a folder is in the folder itself or, for a comparison, one below.
        jobs = [JobFolder(folder) for folder in (path, *path.glob(f"*-{path.name}"))]
        if not any(at_work(job, settings) for job in jobs):
            files.remove(path)
