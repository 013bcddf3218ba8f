"""Save a labelled pile as an ordinary dataset: a zip of class folders with its own test set."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from core.archive import unpacking
from core.dataset.findings import Finding, informs
from core.errors import BadDataset
from core.intake import uploads
from core.intake.uploads import Upload
from core.labelling.labels import Labels
from core.settings import Settings
from core.system import files, prose


def write_zip(labels: Labels, file: IO[bytes] | Path) -> None:
    """Write the labelled pictures as `train/rose/00012 IMG_1.jpg`, those of the test in `test`."""
    unpacking.write_zip(file, _named(labels))


def missing(labels: Labels) -> str:
    """What the labels lack before a training is possible, as a sentence; empty if nothing."""
    counts = {name: len(labels.of(name)) for name in labels.classes}
    if sum(count > 0 for count in counts.values()) < 2:
        return "Name groups for at least two classes first."
    if not any(labels.of(name, test=True) for name in labels.classes):
        return "Label some test pictures first."
    return ""


def save(labels: Labels, settings: Settings, *, by: str = "") -> Upload:
    """Store the labelled pictures as an upload of a visitor, which is examined as any other.

    Raises:
        BadDataset: there are too few labels.
        LimitExceeded: the queue is full, or the visitor has no space left.
        NotEnoughResources: the zip does not fit on the disk.
    """
    if problem := missing(labels):
        raise BadDataset(problem)
    write = functools.partial(write_zip, labels)
    return uploads.store(write, labels.pile.name, settings, [_finding(labels)], by=by)


def _named(labels: Labels) -> Iterator[tuple[str, Path]]:
    test = set(labels.pile.test)
    for picture, label in enumerate(labels.names):
        if label:
            name = labels.pile.pictures[picture].name.rpartition("/")[2]
            split = "test" if picture in test else "train"
            file = files.portable_name(name)
            yield f"{split}/{label}/{picture:05} {file}", labels.pile.path(picture)


def _finding(labels: Labels) -> Finding:
    others = labels.pile.others.tolist()
    named = [picture for picture in others if labels.names[picture]]
    single = sum(labels.single[picture] for picture in named)
    tested = sum(bool(labels.names[picture]) for picture in labels.pile.test)
    unused = sum(not labels.names[p] for p in range(len(labels.names)))
    left_out = f" {prose.count(unused, 'picture')} without a class: not used." if unused else ""
    return informs(
        "labelled_here",
        f"Labelled from an unsorted pile: {prose.count(len(named) - single, 'picture')} "
        f"by naming groups, {single:,} one by one, and {tested:,} test pictures one by one."
        + left_out,
    )
