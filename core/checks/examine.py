"""Find what in a dataset would spoil a model or flatter its score.

A check is a function of a `Case` that answers a finding or nothing. One that needs more than
the pictures, such as likely wrong labels, which need a fitted head, takes it as an argument
and answers a `Finding` of the same kind.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np

from core import settings
from core.checks import classes as of_classes
from core.checks import near_duplicates
from core.checks import pictures as of_pictures
from core.checks.findings import Case, Finding, Severity
from core.dataset import Dataset, Progress
from core.dataset.fingerprints import Fingerprints, fingerprint
from core.errors import BadImage

COMPARABLE = 32  # shorter edge from which detail tells pictures apart, in pixels
FLAT = 8  # grey levels of standard deviation below which equal pixels mean nothing

CHECKS: tuple[Callable[[Case], Finding | None], ...] = (
    of_classes.two_classes,
    of_classes.too_few,
    of_pictures.in_two_classes,
    of_classes.few,
    of_classes.imbalance,
    of_classes.similar_names,
    of_pictures.leaks,
    of_pictures.copies,
    of_pictures.near_copies,
    of_pictures.alike_in_two_classes,
    of_pictures.dark,
    of_pictures.bright,
    of_pictures.empty,
    of_pictures.blurred,
    of_pictures.tiny,
    of_pictures.odd_shape,
    of_pictures.unreadable,
    of_pictures.at_a_glance,
)


def examine(
    dataset: Dataset, pictures: Path, progress: Progress | None = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """Group the pictures that show the same, and run every check.

    Args:
        dataset: as read.
        pictures: the folder that `read` kept its glances in; where they are missing, pictures
            are decoded again.
        progress: called with what is done, how many, and of how many; may raise.

    Returns:
        The dataset with `Example.group` set, and the findings, the gravest first.

    Raises:
        BadImage: a picture that was read before no longer can be.
    """
    seen, rows = _glances(dataset, pictures)
    grouped = _group(dataset, seen, rows, progress)
    return grouped, _findings(grouped, seen, rows)


def judge(dataset: Dataset, pictures: Path) -> tuple[Finding, ...]:
    """Run the checks on a dataset that has its groups, such as one with remedies applied."""
    return _findings(dataset, *_glances(dataset, pictures))


def _glances(dataset: Dataset, pictures: Path) -> tuple[Fingerprints, np.ndarray]:
    """What was seen of the pictures, and the row of each example in it."""
    seen = Fingerprints.load(pictures)
    if seen is None or any(e.sha256 not in seen.place for e in dataset.examples):
        limits = settings.load()
        seen = Fingerprints.of([fingerprint(pictures / e.path, limits) for e in dataset.examples])
    try:
        return seen, np.array([seen.place[e.sha256] for e in dataset.examples], np.int64)
    except KeyError:
        raise BadImage("A picture has changed since it was read. Upload the set again.") from None


def _group(
    dataset: Dataset, seen: Fingerprints, rows: np.ndarray, progress: Progress | None
) -> Dataset:
    """Number the groups of pictures that show the same."""
    used, first = np.unique(rows, return_index=True)
    edges = [min(dataset.examples[at].width, dataset.examples[at].height) for at in first]
    told = (lambda done, total: progress("Comparing pictures", done, total)) if progress else None
    linked = near_duplicates.pairs(seen.grey[used], np.array(edges) < COMPARABLE, told)
    column = {row: at for at, row in enumerate(used)}
    for copies in _copies(dataset, seen, rows):
        linked += [(column[rows[copies[0]]], column[rows[other]]) for other in copies[1:]]
    joined = near_duplicates.groups(len(used), linked)
    number = {used[at]: group for group, members in enumerate(joined) for at in members}
    shared = Counter(rows.tolist())
    extra = {row: len(joined) + at for at, row in enumerate(r for r in shared if r not in number)}
    number |= {row: group for row, group in extra.items() if shared[row] > 1}
    examples = tuple(
        example.model_copy(update={"group": number.get(row)})
        for example, row in zip(dataset.examples, rows, strict=True)
    )
    return dataset.model_copy(update={"examples": examples})


def _copies(dataset: Dataset, seen: Fingerprints, rows: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Examples with equal bytes, or equal pixels in another file."""
    alike: defaultdict[Hashable, list[int]] = defaultdict(list)
    for at, (example, row) in enumerate(zip(dataset.examples, rows, strict=True)):
        grey = seen.grey[row]
        pixels = (example.width, example.height, grey.tobytes())
        alike[pixels if grey.std() >= FLAT else example.sha256].append(at)
    return tuple(tuple(members) for members in alike.values() if len(members) > 1)


def _findings(dataset: Dataset, seen: Fingerprints, rows: np.ndarray) -> tuple[Finding, ...]:
    case = Case(dataset, seen.measures[rows], _copies(dataset, seen, rows))
    found = [finding for check in CHECKS if (finding := check(case))]
    order = list(Severity)
    return tuple(sorted(found, key=lambda finding: order.index(finding.severity)))
