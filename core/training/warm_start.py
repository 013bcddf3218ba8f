"""Continue from a trained model: the settings and classes that carry over."""

from pathlib import Path

from core.dataset import Dataset
from core.errors import BadConfig
from core.model import storage
from core.model.storage import ModelFile
from core.system import files
from core.system.prose import listed
from core.training.config import TrainingConfig, parse
from core.training.network import MODEL_MISSING

TEST_NOTE = (
    "Files that its bundle lists as learned from are not used to test it; if your own test folder "
    "has some, the report says so. Edited copies of them are not recognised, so upload pictures "
    "that are new to the model."
)


def configure(config: TrainingConfig, folder: Path) -> TrainingConfig:
    """Settings to continue from a model, with its backbone, crop and hidden layers.

    Raises:
        RunDamaged: the model cannot be read.
        BadConfig: its backbone has too few stages for these settings.
    """
    saved, _ = storage.load(folder)
    values = config.model_dump()
    values |= {"backbone": saved.backbone, "alternatives": ()}
    values |= {"crop": saved.crop, "start": digest(folder)}
    values["head"] |= {"hidden": saved.hidden}
    return parse(values)


def digest(folder: Path) -> str:
    """SHA-256 of the weights of a model folder, as in `TrainingConfig.start`."""
    return files.sha256(folder / storage.WEIGHTS)


def check(config: TrainingConfig, folder: Path | None) -> None:
    """Check that a folder has the model that a configuration continues from, if any.

    Raises:
        BadConfig: it has no model, or another one.
    """
    if not config.start and folder is None:
        return
    if folder is None or not (folder / storage.WEIGHTS).is_file() or digest(folder) != config.start:
        raise BadConfig(MODEL_MISSING)


def arrange_classes(dataset: Dataset, learned: tuple[str, ...]) -> Dataset:
    """Reorder the classes of a dataset: those of the model first, in its order, then new ones."""
    old = [name for name in learned if name in dataset.classes]
    classes = (*old, *(name for name in dataset.classes if name not in old))
    index_of = {name: index for index, name in enumerate(classes)}
    examples = tuple(
        example.model_copy(update={"label": index_of[dataset.classes[example.label]]})
        for example in dataset.examples
    )
    return dataset.model_copy(update={"classes": classes, "examples": examples})


def describe(dataset: Dataset, saved: ModelFile) -> str:
    """Which classes carry over, are new, or are dropped, in a sentence or two."""
    shared = [name for name in saved.classes if name in dataset.classes]
    new = [name for name in dataset.classes if name not in saved.classes]
    dropped = [name for name in saved.classes if name not in dataset.classes]
    parts = [f"Continues from a model that knows {len(shared)} of these classes."]
    if new:
        parts.append(f"New: {listed(new)}.")
    if dropped:
        parts.append(f"No longer known: {listed(dropped)}, as there are no pictures of them.")
    return " ".join(parts)
