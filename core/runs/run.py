"""One run's folder: what is in it, and when it is complete. No other module knows its files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from core.dataset import Dataset
from core.errors import RunDamaged
from core.evaluation import Report
from core.jobs.events import Epoch, Event, Kept
from core.jobs.folder import EVENTS, LOG, PRIVATE, JobFolder, State, Status
from core.jobs.scheduling import status as live_status
from core.model import storage
from core.model.classifier import Classifier, Open, opened
from core.runs import annotations as owned
from core.runs import manifest as manifests
from core.runs.annotations import Annotations
from core.runs.artifacts import FINDINGS, ORIGIN, THUMBNAILS, RunArtifacts
from core.runs.manifest import MANIFEST, Manifest
from core.settings import Settings
from core.system import files, visitors
from core.training.config import TrainingConfig

CONFIG = "config.json"
DATASET = "dataset.json"
REPORT = "report.json"
PROBABILITIES = "probabilities.npy"
MODEL_FOLDER = "model"
SAMPLE = Path(__file__).parents[1] / "data" / "d1610000000000000000000000000000"
"""A finished run on handwritten digits; `python -m core.pipeline.sample_run` makes it."""

PUBLISHED = "published"
OWNERS = (owned.ANNOTATIONS, owned.LOCK, visitors.OWNER, PUBLISHED)
"""Files of whoever owns the run, which no manifest lists."""

Parsed = TypeVar("Parsed", bound=BaseModel)


def _never_queued(at: float) -> Status:
    sentence = "It was interrupted before it was in the queue. Start it again from its pictures."
    return Status(
        state=State.INTERRUPTED, kind="train", sentence=sentence, queued_at=at, ended_at=at
    )


class Run(RunArtifacts):
    """One run's folder and what is in it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.job = JobFolder(path)

    @property
    def id(self) -> str:
        """Its name, which is also the permission to see it."""
        return self.path.name

    @property
    def model_folder(self) -> Path:
        """Where `model.json`, the weights and the exports are."""
        return self.path / MODEL_FOLDER

    def config(self) -> TrainingConfig:
        """The settings as they were asked for.

        Raises:
            RunDamaged: they cannot be read.
        """
        return self._parsed(TrainingConfig, CONFIG)

    def dataset(self) -> Dataset:
        """Classes, files, split.

        Raises:
            RunDamaged: it cannot be read.
        """
        return self._parsed(Dataset, DATASET)

    def write_dataset(self, dataset: Dataset) -> None:
        """Record the dataset, now with its split."""
        files.write_text(self.path / DATASET, dataset.model_dump_json(indent=1))

    def status(self, settings: Settings) -> Status:
        """Where it stands now.

        Raises:
            FileNotFoundError: it is finished and nobody here ordered it, or it is gone.
        """
        try:
            return live_status(self.job, settings)
        except FileNotFoundError:
            if self.complete or not (self.path / CONFIG).is_file():
                raise
            return _never_queued((self.path / CONFIG).stat().st_mtime)

    def at_work(self, settings: Settings) -> bool:
        """Whether more will happen by itself; not to a finished one that nobody here ordered."""
        return self.job.exists and not self.status(settings).state.ended

    @property
    def pictures(self) -> Path | None:
        """Where the pictures are that its job still needs; None once it has ended."""
        try:
            if self.job.recorded().state.ended:
                return None
            return Path(self.job.order().arguments["pictures"])
        except (OSError, ValueError, KeyError):
            return None

    @property
    def source(self) -> Path | None:
        """Where the pictures are that it was trained on; None where they are gone."""
        try:
            pictures = Path(self.job.order().arguments["pictures"])
        except (OSError, ValueError, KeyError):
            return None
        return pictures if pictures.is_dir() else None

    @property
    def start(self) -> Path | None:
        """The folder of the model that it was ordered to go on from; None for none."""
        try:
            named = self.job.order().arguments.get("start")
        except (OSError, ValueError):
            return None
        return None if named is None else Path(named)

    @property
    def published(self) -> bool:
        """Whether everybody on this host finds it in their lists."""
        return (self.path / PUBLISHED).is_file()

    def publish(self, *, shown: bool) -> None:
        """Let everybody on this host find it in their lists, or nobody but its owner."""
        with contextlib.suppress(FileNotFoundError):  # discarded by another tab
            (self.path / PUBLISHED).touch() if shown else (self.path / PUBLISHED).unlink()

    def events(self) -> tuple[Event, ...]:
        """What it has said so far."""
        return self.job.events.read()

    def epochs(self) -> tuple[Epoch, ...]:
        """Every epoch of both phases, in order."""
        return tuple(event for event in self.events() if isinstance(event, Epoch))

    def kept(self) -> tuple[Kept, ...]:
        """Which epoch each phase kept."""
        return tuple(event for event in self.events() if isinstance(event, Kept))

    @property
    def complete(self) -> bool:
        """Whether its report is finished; exports may still be on their way."""
        return (self.path / MANIFEST).is_file()

    def manifest(self) -> Manifest:
        """What a complete run consists of.

        Raises:
            RunDamaged: it is not complete, or its manifest cannot be read.
        """
        return manifests.read(self.path)

    @property
    def changed_at(self) -> tuple[int, ...]:
        """Times at which report and manifest were written, in ns; 0 for one that is not there."""
        return tuple(
            path.stat().st_mtime_ns if path.exists() else 0
            for path in (self.path / REPORT, self.path / MANIFEST)
        )

    def report(self) -> Report:
        """Its report.

        Raises:
            RunDamaged: it cannot be read, or is not the file of the manifest.
        """
        if self.complete:
            manifests.check(self.path, [REPORT])
        return Report.from_json(self._read(REPORT))

    def probabilities(self) -> np.ndarray:
        """(n, k) float32 of the test pictures, in the order of the report.

        Raises:
            RunDamaged: they cannot be read, or are not those of the manifest.
        """
        if self.complete:
            manifests.check(self.path, [PROBABILITIES])
        try:
            return np.load(self.path / PROBABILITIES, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise RunDamaged(f"{PROBABILITIES} of this run cannot be read.") from error

    def write_report(self, report: Report, probabilities: np.ndarray) -> None:
        """Record the report and the probabilities that it came from."""
        with (
            files.replacing(self.path / PROBABILITIES) as temporary,
            temporary.open("wb") as handle,
        ):
            np.save(handle, probabilities.astype(np.float32))
        files.write_text(self.path / REPORT, report.to_json())

    def thumbnail(self, position: int) -> Path:
        """The small picture of test picture number `position` of the report."""
        return self.path / THUMBNAILS / f"{position:06d}.jpg"

    def write_thumbnails(self, thumbnails: Iterable[bytes]) -> None:
        """Keep a small picture of each test picture."""
        (self.path / THUMBNAILS).mkdir(exist_ok=True)
        for position, content in enumerate(thumbnails):
            self.thumbnail(position).write_bytes(content)

    def annotations(self) -> Annotations:
        """What its owner added."""
        return owned.read(self.path)

    def annotate(self, change: Callable[[Annotations], Annotations]) -> None:
        """Change what the owner added; two tabs may do so at once.

        Of a run that another tab discarded nothing is kept.
        """
        if not self.path.is_dir():  # the lock would make it, and `restore` could not come back
            return
        with owned.lock(self.path):
            owned.write(self.path, change(owned.read(self.path)))

    @property
    def title(self) -> str:
        """Its name: the owner's, or else that of the pictures.

        Raises:
            RunDamaged: the dataset cannot be read.
        """
        return self.annotations().name or self.dataset().name

    def classifier(self, settings: Settings, open_model: Open = opened) -> Classifier:
        """Its model, ready to answer.

        Raises:
            RunDamaged: the model's files are not those of the manifest.
        """
        manifest = self.manifest()
        needed = (f"{MODEL_FOLDER}/{name}" for name in storage.ANSWERING)
        manifests.check(self.path, (name for name in needed if name in manifest.files))
        said = self.annotations()
        return storage.classifier(
            self.model_folder,
            said.name or manifest.name,
            settings,
            open_model,
            threshold=said.threshold,
        )

    def clear(self) -> None:
        """Remove what an unfinished training left; what it was ordered with stays, and its owner's.

        It would be found by the next one, whose manifest lists whatever is there.
        """
        kept = (*PRIVATE, *OWNERS, CONFIG, DATASET, FINDINGS, ORIGIN, EVENTS, LOG)
        for path in self.path.iterdir():
            if path.name not in kept:
                files.remove(path)

    def complete_with(self, name: str, completed_at: float, seconds: float) -> None:
        """Write the manifest, last and at once: from now on the run can be used."""
        found = [path for path in self.path.rglob("*") if path.is_file() and self._is_result(path)]
        manifests.write(self.path, found, name=name, completed_at=completed_at, seconds=seconds)

    def _is_result(self, path: Path) -> bool:
        parts = path.relative_to(self.path).parts
        hidden = any(part.startswith(".") for part in parts)
        return not hidden and parts[0] not in (*PRIVATE, *OWNERS, EVENTS, LOG, MANIFEST)

    def _parsed(self, kind: type[Parsed], name: str) -> Parsed:
        try:
            return kind.model_validate_json(self._read(name))
        except ValidationError as error:
            raise RunDamaged(
                f"{name} of this run is damaged: it is not what was written."
            ) from error

    def _read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise RunDamaged(f"{name} of this run cannot be read.") from error
