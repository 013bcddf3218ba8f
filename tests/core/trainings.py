"""Train in the process of the test: take shapes in, and run the whole pipeline on them."""

from dataclasses import dataclass, field
from pathlib import Path

from core import intake, runs
from core.dataset import Dataset
from core.errors import Cancelled
from core.jobs.events import EXPORTS_BEGIN, Event, Note
from core.pipeline import training_job
from core.runs import Run
from core.settings import Settings
from core.training import config
from core.training.config import TrainingConfig
from tests import shapes


@dataclass(frozen=True)
class Taken:
    """Pictures that were taken in."""

    dataset: Dataset
    pictures: Path


@dataclass(frozen=True)
class Trained:
    """A run, the pictures it learned from, and what was said meanwhile."""

    run: Run
    pictures: Path
    settings: Settings
    said: list[Event] = field(default_factory=list)


def asked_for(preset: str, **values: object) -> TrainingConfig:
    """A preset for the tiny backbone, whose random weights have farther to go than learned ones."""
    asked = config.preset(preset, backbone="tiny").model_dump(mode="json")
    asked["fine_tune_phase"] |= {"learning_rate": 3e-3, "epochs": 8}
    return config.parse(asked | {"batch_size": 8} | values)  # few pictures, and still some steps


def take_in(folder: Path, source: Path | None = None, **how: int) -> Taken:
    """Take in a zip; by default one of shapes, for which see `shapes_zip`."""
    folder.mkdir(parents=True, exist_ok=True)
    source = source or shapes.shapes_zip(folder, **how)
    taken = intake.take_in(source, source.stem, folder / "intake", Settings(home=folder))
    return Taken(taken.dataset, intake.pictures(folder / "intake"))


def train(
    taken: Taken,
    asked: TrainingConfig,
    path: Path,
    settings: Settings,
    *,
    exports: bool = False,
    features: Path | None = None,
    start: Path | None = None,
) -> Trained:
    """Train a run at `path`; without exports it ends, complete, where they would begin.

    Features are kept beside the run, for it alone, unless a folder is given. `start` is the folder
    of a model that it goes on from.
    """
    features = features or path.with_name(f"features-of-{path.name}")
    trained = Trained(runs.create(asked, taken.dataset, path), taken.pictures, settings)

    def emit(event: Event) -> None:
        trained.said.append(event)
        if isinstance(event, Note) and event.sentence == EXPORTS_BEGIN and not exports:
            raise Cancelled("No exports.")

    try:
        training_job.train(trained.run, trained.pictures, settings, emit, features, start)
    except Cancelled:
        assert not exports
    else:
        assert exports, "cancelling was ignored"
    return trained
