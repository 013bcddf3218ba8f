"""Models that were brought here: each in a folder of its own, beside the runs.

brought/<id>/              128 random bits in hex: knowing it is the permission, as of a run
  model.json, weights.safetensors, novelty.safetensors, looks.json    as they came
  serving.tflite           built here, where layers of the backbone were trained
  manifest.json            SHA-256 of these
  annotations.json         name and threshold, by whoever brought it
  status.json, …           of the job that built what it answers with
  owner                    the mark of whoever brought it, on a public host
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import IO

from core import runs
from core.bundles import bundle, rebuild
from core.errors import NotEnoughResources, RunDamaged, UnknownModel
from core.jobs import JobFolder, enqueue, quotas, scheduling
from core.jobs.folder import Order
from core.model import storage as model
from core.model.classifier import Classifier, Open, opened
from core.model.storage import ModelFile
from core.runs import annotations as owned
from core.runs import manifest as manifests
from core.runs.annotations import Annotations
from core.runs.manifest import MANIFEST
from core.settings import MEGABYTE, Settings
from core.system import files, visitors

ID = re.compile(r"[0-9a-f]{32}")
NAME_LENGTH = owned.NAME_LENGTH
SPARE_BYTES = 256 * MEGABYTE
DAMAGED = "This model is damaged: its files are not those that were brought. Bring it again."


class ImportedModel:
    """One model's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = JobFolder(path)

    @property
    def id(self) -> str:
        """Its name, which is also the permission to use it."""
        return self.path.name

    def model(self) -> ModelFile:
        """What the model is.

        Raises:
            RunDamaged: it cannot be read.
        """
        try:
            return model.load_description(self.path)
        except RunDamaged as error:
            raise RunDamaged(DAMAGED) from error

    def annotations(self) -> Annotations:
        """The threshold, and a name in place of the bundle's."""
        return owned.read(self.path)

    def annotate(self, threshold: float) -> None:
        """Set the probability below which it is not sure."""
        if self.path.is_dir():  # the lock would make it
            with owned.lock(self.path):
                said = owned.read(self.path).model_copy(update={"threshold": threshold})
                owned.write(self.path, said)

    @property
    def title(self) -> str:
        """What it is called. Raises RunDamaged."""
        return self.annotations().name or manifests.read(self.path).name

    @property
    def at(self) -> float:
        """When it was brought, in seconds since 1970. Raises RunDamaged."""
        return manifests.read(self.path).completed_at

    @property
    def damaged(self) -> bool:
        """Whether nothing can be said of it any more."""
        try:
            self.model()
            manifests.read(self.path)
        except RunDamaged:
            return True
        return False

    @property
    def changed_at(self) -> int:
        """Time at which its manifest was written, in ns; 0 where it is gone."""
        try:
            return (self.path / MANIFEST).stat().st_mtime_ns
        except OSError:
            return 0

    def ready(self, settings: Settings) -> bool:
        """Whether it can answer. Raises RunDamaged."""
        return rebuild.ready(self.path, self.model(), settings)

    def classifier(self, settings: Settings, open_model: Open = opened) -> Classifier:
        """The model, ready to answer; using it keeps it from being forgotten.

        Raises:
            RunDamaged: its files are not those that were brought.
            UnknownModel: what it answers with has not been built yet.
        """
        if not self.ready(settings):
            raise UnknownModel("This model is still being made ready here. Try again in a minute.")
        listed = manifests.read(self.path).files
        try:
            manifests.check(self.path, listed)
        except RunDamaged as error:
            raise RunDamaged(DAMAGED) from error
        with contextlib.suppress(OSError):
            os.utime(self.path)
        threshold = self.annotations().threshold
        return model.classifier(self.path, self.title, settings, open_model, threshold=threshold)

    def seal(self, name: str, at: float) -> None:
        """List its files, by which damage is seen later."""
        present = [self.path / one for one in model.ANSWERING if (self.path / one).is_file()]
        manifests.write(self.path, present, name=name, completed_at=at, seconds=0.0)

    def build(self, settings: Settings, progress: rebuild.serving.Progress) -> None:
        """Make what it answers with. Imports TensorFlow; raises as `rebuilding.rebuild`."""
        said = manifests.read(self.path)
        rebuild.rebuild(self.path, settings, progress)
        self.seal(said.name, said.completed_at)


def folder(settings: Settings) -> Path:
    """Where brought models are."""
    return settings.home.resolve() / "brought"


def import_bundle(
    stream: IO[bytes], name: str, settings: Settings, *, by: str = ""
) -> ImportedModel:
    """Take a bundle in. What needs TensorFlow to answer is left to a worker.

    Args:
        stream: the zip, seekable.
        name: what the visitor calls it.
        by: the visitor's mark.

    Raises:
        BadArchive, BadBundle: it cannot be used; nothing was written.
        LimitExceeded: it is larger than this host allows, or too many jobs wait.
        NotEnoughResources: it does not fit on the disk.
    """
    bundle.read(stream, settings)
    sweep(settings)
    quotas.check_space(by, settings)
    home = folder(settings)
    made = ImportedModel(home / secrets.token_hex(16))
    try:
        home.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(home).free < SPARE_BYTES:
            raise NotEnoughResources("The disk of this host is full. Try again later.")
        bundle.keep(stream, made.path, settings)
        visitors.set_owner(made.path, by)
        made.seal(" ".join(name.split())[:NAME_LENGTH] or "model", time.time())
        if not made.ready(settings):
            order(made, settings, by=by)
    except OSError as error:
        delete(made)
        raise NotEnoughResources(
            f"The model could not be stored on this host ({error.strerror or error}). "
            "Try again later."
        ) from error
    except BaseException:
        delete(made)
        raise
    return made


def order(brought: ImportedModel, settings: Settings, *, by: str = "") -> None:
    """Have a worker build what a model answers with, for the visitor with the mark `by`.

    Raises:
        LimitExceeded: too many jobs wait.
    """
    enqueue(brought.path, Order(kind="import"), settings, by=by)


def get(settings: Settings, brought_id: str) -> ImportedModel:
    """The brought model with this id.

    Raises:
        UnknownModel: there is none.
    """
    if exists(settings, brought_id):
        return ImportedModel(folder(settings) / brought_id)
    raise UnknownModel("No brought model with this id is on this machine. Bring it again.")


def exists(settings: Settings, brought_id: str) -> bool:
    """Whether a brought model has this id."""
    return bool(ID.fullmatch(brought_id)) and (folder(settings) / brought_id / MANIFEST).is_file()


def list_models(settings: Settings) -> tuple[ImportedModel, ...]:
    """All brought models of this machine."""
    home = folder(settings)
    names = [path.name for path in home.iterdir()] if home.is_dir() else []
    return tuple(ImportedModel(home / name) for name in names if exists(settings, name))


def delete(brought: ImportedModel) -> None:
    """Remove a model and all that is in it, for good; a worker that builds it stops."""
    files.remove(brought.path)


def sweep(settings: Settings) -> None:
    """On a public host, delete brought models that nobody has used for a while."""
    if settings.mode == "personal":
        return
    oldest = time.time() - settings.upload_hours * 3600
    old = [one for one in list_models(settings) if one.changed_at and _used(one) < oldest]
    needed = _needed(settings) if old else set()
    for one in old:
        working = one.job.exists and not scheduling.status(one.job, settings).state.ended
        if one.path not in needed and not working:
            delete(one)


def _used(brought: ImportedModel) -> float:
    """When it was used last, in seconds since 1970."""
    try:
        return brought.path.stat().st_mtime
    except OSError:
        return time.time()


def _needed(settings: Settings) -> set[Path]:
    """Models that a training, waiting or at work, goes on from."""
    found = set()
    for run in runs.list_runs(settings):
        with contextlib.suppress(OSError, ValueError):
            if run.start is not None and not run.status(settings).state.ended:
                found.add(run.start)
    return found
