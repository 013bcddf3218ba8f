"""Files and folders that somebody typed, checked before any work begins."""

import os
from pathlib import Path

from core.errors import BadInput


def existing(path: Path) -> Path:
    """A zip or a folder to learn from or to be scored on.

    Raises:
        BadInput: nothing is there.
    """
    if not _found(path):
        raise BadInput(f"Expected a zip or a folder at {path}, found nothing there.")
    return path


def picture(path: Path) -> Path:
    """A file to look at; whether it is a picture is for the decoder to say.

    Raises:
        BadInput: it is a folder, or nothing is there.
    """
    if not _found(path):
        raise BadInput("Expected a picture, found nothing there.")
    if path.is_dir():
        raise BadInput("Expected a picture, found a folder.")
    return path


def new_folder(path: Path, *, beside: Path) -> Path:
    """Where a run may go, before anything is written.

    Raises:
        BadInput: it holds files, cannot be made, or lies among the pictures of `beside`.
    """
    whole = path.absolute()
    there = next(folder for folder in (whole, *whole.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise BadInput(f"Expected a folder for the run at {path}, but none can be made there.")
    if there == whole and any(whole.iterdir()):
        raise BadInput(f"Expected a new or empty folder for the run, but {path} holds files.")
    if beside.is_dir() and beside.resolve() in (whole.resolve(), *whole.resolve().parents):
        raise BadInput(f"Expected a folder for the run outside the pictures, found {path}.")
    return path


def _found(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False
