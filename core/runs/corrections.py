"""Train again on corrected pictures: the same parts, the same settings, only the labels are new."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from core import runs
from core.dataset import Dataset, Skipped
from core.errors import BadDataset, TuskerError
from core.jobs import enqueue, quotas
from core.runs.annotations import Correction
from core.runs.run import Run
from core.settings import Settings

LEFT_OUT = "Left out after the report was read."
CORRECTED = ", corrected"


class Origin(BaseModel):
    """What a run was trained again from.

    Attributes:
        run: id of that run, which is also the permission to see it.
        name: what it was called.
        corrections: that were made to its pictures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    name: str
    corrections: tuple[Correction, ...]


def correct(dataset: Dataset, corrections: tuple[Correction, ...]) -> Dataset:
    """A dataset as it is after some corrections; parts stay as they were dealt.

    Pictures are known by their bytes, so every copy is corrected. Test pictures are left as they
    are: a test that was changed after the report was read would prove nothing.
    """
    wanted = {one.sha256: one.label for one in corrections}
    place = {name: label for label, name in enumerate(dataset.classes)}
    kept, gone = [], []
    for example in dataset.examples:
        if example.sha256 not in wanted or example.split == "test":
            kept.append(example)
            continue
        name = wanted[example.sha256]
        if name is None:
            gone.append(Skipped(name=example.name, reason=LEFT_OUT))
        else:
            label = place.get(name, example.label)
            kept.append(example.model_copy(update={"label": label}))
    update = {"examples": tuple(kept), "skipped": (*dataset.skipped, *gone)}
    return dataset.model_copy(update=update)


def train_again(run: Run, settings: Settings, *, by: str = "") -> Run:
    """Order a new run on the pictures of a run as its owner corrected them.

    Its features are kept where its pictures are, so that no picture is looked at twice.

    Args:
        by: mark of the visitor whose the new run is.

    Raises:
        BadDataset: the pictures are no longer here.
        LimitExceeded: too many jobs wait.
        RunDamaged: the run cannot be read.
    """
    pictures = run.source
    if pictures is None:
        raise BadDataset(
            "The pictures of this run are no longer on this host: uploads are deleted after "
            f"{settings.upload_hours:g} hours. Correct the files themselves and upload them again."
        )
    quotas.check_space(by, settings)
    quotas.check_minutes(by, settings)
    said = run.annotations().corrections
    again = runs.create(run.config(), correct(run.dataset(), said), runs.new_path(settings), by=by)
    try:
        again.write_findings(run.findings())
        again.annotate(lambda own: own.named(_called(run.title)))
        again.write_origin(Origin(run=run.id, name=run.title, corrections=said).model_dump_json())
        enqueue(again.path, runs.order(pictures, run.start), settings, by=by)
    except (TuskerError, OSError):
        runs.delete(again)
        raise
    return again


def _called(name: str) -> str:
    """A name that tells the new run from the old one in every list."""
    return name if name.endswith(CORRECTED) else f"{name}{CORRECTED}"


def origin(run: Run) -> Origin | None:
    """What a run was trained again from; None for one that was not."""
    return run.parsed_origin(Origin)
