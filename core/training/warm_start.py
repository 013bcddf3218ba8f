"""Go on with a model: what its training fixes for the next one, and what becomes of its classes."""

from __future__ import annotations

from pathlib import Path

from core.checks.findings import listed
from core.dataset import Dataset
from core.errors import BadConfig
from core.model import storage
from core.model.storage import ModelFile
from core.system import files
from core.training import config as room
from core.training.config import TrainingConfig
from core.training.network import GONE

HONEST = (
    "Its score is honest only on test pictures that the model has never seen: bring a test set of "
    "its own, or pictures that are new to it."
)


def configure(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """The settings of a training that goes on from the model in a folder.

    Backbone, crop and hidden layers are those of the model.

    Raises:
        RunDamaged: the model cannot be read.
        BadConfig: its backbone has too few stages for these settings.
    """
    saved, _ = storage.load(folder)
    values = config.model_dump()
    values |= {"backbone": saved.backbone, "crop": saved.crop, "start": digest(folder)}
    values["head"] |= {"hidden": saved.hidden}
    return room.parse(values)


def digest(folder: Path) -> str:
    """SHA-256 of the weights of a model folder, by which a configuration names it."""
    return files.sha256(folder / storage.WEIGHTS)


def check(config: TrainingConfig, folder: Path | None) -> None:
    """Refuse to train from another model than the configuration names.

    Raises:
        BadConfig: there is none, or it is another one.
    """
    if not config.start and folder is None:
        return
    if folder is None or not (folder / storage.WEIGHTS).is_file() or digest(folder) != config.start:
        raise BadConfig(GONE)


def arrange_classes(dataset: Dataset, known: tuple[str, ...]) -> Dataset:
    """The dataset with its classes in the order of the model's; new ones come after them."""
    here = set(dataset.classes)
    old = [name for name in known if name in here]
    classes = (*old, *(name for name in dataset.classes if name not in old))
    place = {name: index for index, name in enumerate(classes)}
    examples = tuple(
        one.model_copy(update={"label": place[dataset.classes[one.label]]})
        for one in dataset.examples
    )
    return dataset.model_copy(update={"classes": classes, "examples": examples})


def describe(dataset: Dataset, saved: ModelFile) -> str:
    """What becomes of the classes, in a sentence or two."""
    known = [name for name in saved.classes if name in dataset.classes]
    new = [name for name in dataset.classes if name not in saved.classes]
    gone = [name for name in saved.classes if name not in dataset.classes]
    parts = [f"It goes on from a model that knows {len(known)} of these classes."]
    if new:
        parts.append(f"New to it: {listed(new)}.")
    if gone:
        parts.append(f"It will no longer know {listed(gone)}: no pictures of them are here.")
    return " ".join(parts)
