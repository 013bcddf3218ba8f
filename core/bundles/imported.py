"""Imported models: import a bundle, find, list, delete; and bundles named on the command line."""

import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import IO

from core import runs
from core.bundles import bundle
from core.bundles.imported_model import ImportedModel
from core.jobs import enqueue, owned_folders
from core.jobs.folder import JobSpec
from core.runs.annotations import NAME_LENGTH
from core.settings import Settings
from core.system import capacity, files
from core.system.progress import Progress, ignore

_IMPORTING = threading.Lock()
"""Held while a bundle is in memory, so that only one is."""
CACHED_BUNDLES = 10
"""Largest number of bundles from the command line that are kept, the last used ones; folders of
imports that were killed are among them."""


def folder(settings: Settings) -> Path:
    """The folder that holds all imported models."""
    # The folder's name on disk is older than the term.
    return settings.home.resolve() / "brought"


def import_bundle(
    stream: IO[bytes], name: str, settings: Settings, *, by: str = ""
) -> ImportedModel:
    """Import a bundle. A fine-tuned model is built by a worker before it can predict.

    Args:
        stream: the zip, seekable.
        by: id of the visitor.

    Raises:
        BadArchive, BadBundle: the bundle cannot be used; nothing was written.
        LimitExceeded: it is larger than this host allows, or too many jobs wait.
        NotEnoughResources: it does not fit on the disk.
    """
    with _IMPORTING:
        content = bundle.read(stream, settings)
        sweep(settings)
        with owned_folders.create(folder(settings), "The model", settings, by=by) as path:
            capacity.require_disk(path)
            model = ImportedModel(path)
            model.store(content, " ".join(name.split())[:NAME_LENGTH] or "model")
            if not model.ready(settings):
                queue_build(model, settings, by=by)
    return model


def queue_build(model: ImportedModel, settings: Settings, *, by: str = "") -> None:
    """Queue the job that builds the serving model, for the visitor with the id `by`.

    Raises:
        LimitExceeded: too many jobs wait.
    """
    enqueue(model.path, JobSpec(kind="import"), settings, by=by)


def find(settings: Settings, model_id: str) -> ImportedModel | None:
    """The imported model with this id, if there is one."""
    model = ImportedModel(folder(settings) / model_id)
    return model if owned_folders.ID.fullmatch(model_id) and model.complete else None


def list_models(settings: Settings) -> tuple[ImportedModel, ...]:
    """All imported models of this machine."""
    models = map(ImportedModel, owned_folders.list_folders(folder(settings)))
    return tuple(model for model in models if model.complete)


def sweep(settings: Settings) -> None:
    """On a public host, delete imported models that nobody has used for a while."""
    if settings.mode == "public":
        owned_folders.sweep(folder(settings), lambda: runs.folders_in_use(settings), settings)


def open_bundle(path: Path, settings: Settings, progress: Progress = ignore) -> ImportedModel:
    """The model of a bundle on this disk, ready to predict; cached by the hash of the bundle.

    The first time, a fine-tuned network is built, which imports TensorFlow.

    Raises:
        BadInput: the bundle cannot be used.
        RunDamaged, WeightsUnavailable: as in `ImportedModel.build`.
    """
    home = settings.home.resolve() / "bundles"
    cached = ImportedModel(home / files.sha256(path))
    if not cached.path.is_dir():
        model = ImportedModel(home / f".{secrets.token_hex(8)}")
        try:
            with path.open("rb") as stream:
                model.store(bundle.read(stream, settings), path.stem)
            if not model.ready(settings):
                model.build(settings, progress)
            with contextlib.suppress(OSError):  # another process was faster
                model.path.rename(cached.path)
        finally:
            files.remove(model.path)
        # Another process may remove them meanwhile.
        last_used_first = sorted(home.iterdir(), key=files.modified, reverse=True)
        for old in last_used_first[CACHED_BUNDLES:]:
            files.remove(old)
    if not cached.ready(settings):  # its backbone was removed from this machine meanwhile
        cached.build(settings, progress)
    with contextlib.suppress(OSError):
        os.utime(cached.path)
    return cached
