"""The job that compares backbones on the pictures of an upload.

Its folder is next to the pictures and is deleted with them:

    config.json       the settings, of which seed, shares and class weights are used
    dataset.json      the dataset with remedies applied
    bakeoff.json      the result; written last
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
    """Enqueue a comparison of the available backbones; an earlier result is deleted.

    Args:
        by: mark of the visitor.

    Raises:
        LimitExceeded: too many comparisons are queued.
    """
    folder = upload.comparison.path
    folder.mkdir(exist_ok=True)
    (folder / result.RESULT).unlink(missing_ok=True)
    files.write_text(folder / CONFIG, config.model_dump_json(indent=1))
    files.write_text(folder / DATASET, dataset.model_dump_json())
    order = Order(kind="compare", arguments={"pictures": str(upload.pictures)})
    return enqueue(folder, order, settings, by=by)


def work(folder: Path, pictures: Path, settings: Settings, progress: Progress) -> None:
    """Run the comparison that `start` enqueued.

    Raises:
        BadDataset: the job cannot be read, or there are too few pictures.
        Cancelled: by `progress`.
    """
    try:
        config = TrainingConfig.model_validate_json((folder / CONFIG).read_bytes())
        dataset = Dataset.model_validate_json((folder / DATASET).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error
    result.write(folder, compare.compare(dataset, pictures, config, settings, progress))
