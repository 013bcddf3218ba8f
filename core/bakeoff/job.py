"""Compare backbones on the pictures of an upload, as a job.

Its folder is beside the pictures and is deleted with them:

    request.json      settings (seed, split and class weights are used) and dataset
    bakeoff.json      the result; written last
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ValidationError

from core.bakeoff import compare, result
from core.dataset import Dataset, Progress
from core.errors import BadDataset
from core.intake.uploads import Upload
from core.jobs import JobFolder, enqueue
from core.jobs.folder import Order
from core.settings import Settings
from core.system import files
from core.training.config import TrainingConfig

REQUEST = "request.json"


class _Request(BaseModel):
    config: TrainingConfig
    dataset: Dataset


def start(
    upload: Upload,
    dataset: Dataset,
    config: TrainingConfig,
    settings: Settings,
    *,
    by: str = "",
) -> JobFolder:
    """Queue a comparison of the available backbones; an earlier result is deleted.

    Args:
        by: mark of the visitor.

    Raises:
        LimitExceeded: too many comparisons are queued.
    """
    folder = upload.comparison.path
    folder.mkdir(exist_ok=True)
    (folder / result.RESULT).unlink(missing_ok=True)
    request = _Request(config=config, dataset=dataset)
    files.write_text(folder / REQUEST, request.model_dump_json())
    order = Order(kind="compare", arguments={"pictures": str(upload.pictures)})
    return enqueue(folder, order, settings, by=by)


def work(folder: Path, pictures: Path, settings: Settings, progress: Progress) -> None:
    """Run the comparison that `start` queued.

    Raises:
        BadDataset: the request cannot be read, or there are too few pictures.
        Cancelled: by `progress`.
    """
    try:
        request = _Request.model_validate_json((folder / REQUEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise BadDataset("These pictures are no longer here. Upload them again.") from error
    result.write(
        folder, compare.compare(request.dataset, pictures, request.config, settings, progress)
    )
