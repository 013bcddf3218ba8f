"""Compare backbones on the pictures of an upload, as a job.

Its folder is beside the pictures and is deleted with them. `bakeoff.json` is the result.
"""

from pathlib import Path

from core.bakeoff import compare, result
from core.dataset import Dataset, Progress
from core.intake.uploads import Upload
from core.jobs import JobFolder, enqueue
from core.jobs.folder import JobSpec
from core.settings import Settings
from core.training.config import TrainingConfig


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
        by: id of the visitor.

    Raises:
        LimitExceeded: too many comparisons are queued.
    """
    folder = upload.comparison.path
    folder.mkdir(exist_ok=True)
    (folder / result.RESULT).unlink(missing_ok=True)
    arguments = {
        "pictures": str(upload.pictures),
        "config": config.model_dump(mode="json"),
        "dataset": dataset.model_dump(mode="json"),
    }
    return enqueue(folder, JobSpec(kind="compare", arguments=arguments), settings, by=by)


def work(job: JobFolder, pictures: Path, settings: Settings, progress: Progress) -> None:
    """Run the comparison that `start` queued. Raises as `compare.compare`."""
    arguments = job.spec().arguments
    dataset = Dataset.model_validate(arguments["dataset"])
    config = TrainingConfig.model_validate(arguments["config"])
    result.write(job.path, compare.compare(dataset, pictures, config, settings, progress))
