"""A comparison of backbones on an upload's pictures: ordered, done by a worker, read.

It lies in a folder of its own beside the pictures, and goes when they go:

    config.json       the settings, of which it takes seed, shares and class weights
    dataset.json      the pictures, as the remedies left them
    bakeoff.json      the outcome; written last
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from core.bakeoff import compare, result
from core.dataset import Dataset, Progress
from core.errors import BadDataset
from core.intake.uploads import Upload
from core.jobs import JobFolder, enqueue
from core.jobs.folder import Order
from core.settings import Settings
from core.system import files
from core.training.config import TrainingConfig

CONFIG, DATASET = "config.json", "dataset.json"


def start(
    upload: Upload,
    dataset: Dataset,
    config: TrainingConfig,
    settings: Settings,
    *,
    by: str = "",
) -> JobFolder:
    """Have the backbones at hand compared; what was found before is forgotten.

    Args:
        by: mark of the visitor who asks for it.

    Raises:
        LimitExceeded: too many comparisons wait already.
    """
    folder = upload.comparison.path
    folder.mkdir(exist_ok=True)
    (folder / result.RESULT).unlink(missing_ok=True)
    files.write_text(folder / CONFIG, config.model_dump_json(indent=1))
    files.write_text(folder / DATASET, dataset.model_dump_json())
    order = Order(kind="compare", arguments={"pictures": str(upload.pictures)})
    return enqueue(folder, order, settings, by=by)


def work(folder: Path, pictures: Path, settings: Settings, progress: Progress) -> None:
    """Do what `start` ordered.

    Raises:
        BadDataset: the order cannot be read, or too few pictures are left.
        Cancelled: by `progress`.
    """
    try:
        config = TrainingConfig.model_validate_json((folder / CONFIG).read_bytes())
        dataset = Dataset.model_validate_json((folder / DATASET).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error
    result.write(folder, compare.compare(dataset, pictures, config, settings, progress))
