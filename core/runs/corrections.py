"""Train again on corrected pictures, with the same split and settings."""

from core import runs
from core.dataset import Dataset, Skipped
from core.errors import BadDataset
from core.runs.annotations import Correction, Origin
from core.runs.run import Run
from core.settings import Settings

LEFT_OUT = "Left out after the report was read."
CORRECTED = ", corrected"


def correct(dataset: Dataset, corrections: tuple[Correction, ...]) -> Dataset:
    """Apply corrections to a dataset; the split stays as it is.

    Pictures are identified by their hash, so every copy is corrected. Test pictures are never
    changed: a test set that was edited after the report was read would prove nothing.
    """
    labels = {correction.sha256: correction.label for correction in corrections}
    indices = {name: index for index, name in enumerate(dataset.classes)}
    examples, skipped = [], list(dataset.skipped)
    for example in dataset.examples:
        if example.sha256 not in labels or example.split == "test":
            examples.append(example)
            continue
        name = labels[example.sha256]
        if name is None:
            skipped.append(Skipped(name=example.name, reason=LEFT_OUT))
        else:
            label = indices.get(name, example.label)
            examples.append(example.model_copy(update={"label": label}))
    return dataset.model_copy(update={"examples": tuple(examples), "skipped": tuple(skipped)})


def train_again(run: Run, settings: Settings, *, by: str = "") -> Run:
    """Queue a new run on the pictures of a run as its owner corrected them.

    Features are cached with the pictures, so no picture goes through the backbone again.

    Args:
        by: id of the visitor who owns the new run.

    Raises:
        BadDataset: the pictures are no longer here.
        LimitExceeded: too many jobs wait, or no disk space or training time is left.
        NotEnoughResources: the disk is full.
        RunDamaged: the run cannot be read.
    """
    pictures = run.pictures
    if pictures is None:
        raise BadDataset(
            "The pictures of this run are no longer on this host: uploads are deleted after "
            f"{settings.upload_hours:g} hours. Correct the files themselves and upload them again."
        )
    fixes, title = run.annotations().corrections, run.title

    def prepare(new_run: Run) -> None:
        name = title.removesuffix(CORRECTED) + CORRECTED
        new_run.annotate(lambda annotations: annotations.named(name))
        new_run.origin.write(Origin(run=run.id, name=title, corrections=fixes))

    return runs.queue_training(
        run.config(),
        correct(run.dataset(), fixes),
        run.findings(),
        runs.training_spec(pictures, run.start),
        settings,
        by=by,
        prepare=prepare,
    )
