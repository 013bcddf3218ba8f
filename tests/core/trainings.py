"""Import pictures and train runs in the process of the test."""

import contextlib
import io
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from core import intake, runs
from core.dataset import Dataset
from core.errors import Cancelled
from core.export import build, packing
from core.export.formats import FORMATS
from core.jobs.events import Event
from core.pipeline import training_job
from core.runs import Run
from core.settings import Settings
from core.training import config
from core.training.config import TrainingConfig
from tests import shapes


@dataclass(frozen=True)
class ImportedDataset:
    """Imported pictures."""

    dataset: Dataset
    pictures: Path


@dataclass(frozen=True)
class TrainedRun:
    """A trained run, its pictures and its events."""

    run: Run
    pictures: Path
    settings: Settings
    events: list[Event] = field(default_factory=list)


def tiny_config(preset: str, **values: object) -> TrainingConfig:
    """A preset for the tiny backbone, whose random weights need a higher learning rate.

    It fine-tunes on two views although a few shapes leave few errors to mend, its head takes the
    last features alone, and it has no alternatives.
    """
    options = config.preset(preset, backbone="tiny").model_dump(mode="json")
    options["fine_tune_phase"] |= {"learning_rate": 3e-3, "epochs": 8}
    options["unfreeze"] |= {"least_errors": 0}
    options["augmentation"]["views"] = min(2, options["augmentation"]["views"])
    options["features"] = "last"
    several_steps = {"batch_size": 8, "alternatives": ()}
    return config.parse(options | several_steps | values)


def import_dataset(folder: Path, source: Path | None = None, **options: int) -> ImportedDataset:
    """Import a zip; by default one of shapes with the options of `shapes_zip`."""
    folder.mkdir(parents=True, exist_ok=True)
    source = source or shapes.shapes_zip(folder, **options)
    taken = intake.ingest(source, source.stem, folder / "intake", Settings(home=folder))
    return ImportedDataset(taken.dataset, intake.pictures(folder / "intake"))


def train(
    taken: ImportedDataset,
    config: TrainingConfig,
    path: Path,
    settings: Settings,
    *,
    exports: bool = False,
    features: Path | None = None,
    start: Path | None = None,
    until: Callable[[Event], bool] = lambda _: False,
) -> TrainedRun:
    """Train a run at `path`. One that is cancelled is returned as far as it came.

    Args:
        exports: whether to make all formats too.
        features: folder of the feature cache; one for this run if None.
        start: folder of a model to start from.
        until: which event cancels the training.
    """
    features = features or path.with_name(f"features-of-{path.name}")
    trained_run = TrainedRun(runs.create(config, taken.dataset, path), taken.pictures, settings)

    def emit(event: Event) -> None:
        trained_run.events.append(event)
        if until(event):
            raise Cancelled("Seen enough.")

    with contextlib.suppress(Cancelled):
        training_job.train(trained_run.run, trained_run.pictures, settings, emit, features, start)
    if exports:
        build.export(trained_run.run, FORMATS, trained_run.pictures, settings, emit)
        manifest = trained_run.run.manifest()
        trained_run.run.complete_with(manifest.name, manifest.completed_at, manifest.seconds)
    return trained_run


def unpack_bundle(trained: TrainedRun, folder: Path, chosen: Collection[str] | None = None) -> Path:
    """The bundle of a run, unpacked into a new folder."""
    content = io.BytesIO(bundle_bytes(trained.run, trained.settings, chosen))
    with zipfile.ZipFile(content) as archive:
        archive.extractall(folder)
    return folder


def bundle_bytes(run: Run, settings: Settings, chosen: Collection[str] | None = None) -> bytes:
    """The bundle of a run."""
    packing.write_bundle(run, settings, file := io.BytesIO(), chosen)
    return file.getvalue()
