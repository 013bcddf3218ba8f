"""Find problems of a dataset that would spoil a model or inflate its score.

A check is a function that takes a `CheckInput` and returns a finding or None.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from pathlib import Path

import numpy as np

from core.checks import classes as of_classes
from core.checks import near_duplicates
from core.checks import pictures as of_pictures
from core.checks.findings import CheckInput, Finding, Severity
from core.dataset import Dataset, Progress
from core.dataset.fingerprints import Fingerprints, fingerprint
from core.errors import BadImage
from core.settings import Settings

COMPARABLE = 32  # shorter edge from which detail tells pictures apart, in pixels
FLAT = 8  # grey levels of standard deviation below which equal pixels mean nothing

CHECKS: tuple[Callable[[CheckInput], Finding | None], ...] = (
    of_classes.at_least_two_classes,
    of_classes.too_few_pictures,
    of_pictures.same_picture_in_two_classes,
    of_classes.few_pictures,
    of_classes.imbalance,
    of_classes.similar_names,
    of_pictures.leaks,
    of_pictures.duplicates,
    of_pictures.near_duplicates,
    of_pictures.similar_pictures_in_two_classes,
    *of_pictures.PROPERTY_CHECKS,
    of_pictures.unreadable,
    of_pictures.formats_and_sizes,
)


def examine(
    dataset: Dataset, pictures: Path, settings: Settings, progress: Progress | None = None
) -> tuple[Dataset, tuple[Finding, ...]]:
    """Group pictures that look the same, and run all checks.

    Args:
        dataset: as read.
        pictures: folder with the fingerprints that `read` wrote; without them, the pictures are
            decoded again.
        settings: the limits of pictures.
        progress: called with what is done, how many, and of how many; may raise.

    Returns:
        The dataset with `Example.group` set, and the findings, the most severe first.

    Raises:
        BadImage: a picture can no longer be read.
    """
    fingerprints, rows = _fingerprints(dataset, pictures, settings)
    grouped = _group(dataset, fingerprints, rows, progress)
    return grouped, _findings(grouped, fingerprints, rows)


def run_checks(dataset: Dataset, pictures: Path, settings: Settings) -> tuple[Finding, ...]:
    """Run the checks on a dataset with groups, such as one with remedies applied."""
    return _findings(dataset, *_fingerprints(dataset, pictures, settings))


def _fingerprints(
    dataset: Dataset, pictures: Path, settings: Settings
) -> tuple[Fingerprints, np.ndarray]:
    """Fingerprints of the pictures, and the row of each example in them."""
    fingerprints = Fingerprints.load(pictures)
    if fingerprints is None or any(e.sha256 not in fingerprints.place for e in dataset.examples):
        fingerprints = Fingerprints.of(
            [fingerprint(pictures / e.path, settings) for e in dataset.examples]
        )
    try:
        return fingerprints, np.array(
            [fingerprints.place[e.sha256] for e in dataset.examples], np.int64
        )
    except KeyError:
        raise BadImage("A picture has changed since it was read. Upload the set again.") from None


def _group(
    dataset: Dataset, fingerprints: Fingerprints, rows: np.ndarray, progress: Progress | None
) -> Dataset:
    """Number the groups of pictures that look the same."""
    used, first = np.unique(rows, return_index=True)
    edges = [min(dataset.examples[at].width, dataset.examples[at].height) for at in first]
    report = (lambda done, total: progress("Comparing pictures", done, total)) if progress else None
    similar = near_duplicates.pairs(fingerprints.grey[used], np.array(edges) < COMPARABLE, report)
    linked = [(int(first[a]), int(first[b])) for a, b in similar]
    for original, *copies in _copies(dataset, fingerprints, rows):
        linked += [(original, copy) for copy in copies]
    groups = near_duplicates.groups(len(dataset.examples), linked)
    number = {at: group for group, members in enumerate(groups) for at in members}
    examples = tuple(
        example.model_copy(update={"group": number.get(at)})
        for at, example in enumerate(dataset.examples)
    )
    return dataset.model_copy(update={"examples": examples})


def _copies(
    dataset: Dataset, fingerprints: Fingerprints, rows: np.ndarray
) -> tuple[tuple[int, ...], ...]:
    """Examples with equal bytes, or equal pixels in another file."""
    same: defaultdict[Hashable, list[int]] = defaultdict(list)
    for at, (example, row) in enumerate(zip(dataset.examples, rows, strict=True)):
        grey = fingerprints.grey[row]
        pixels = (example.width, example.height, grey.tobytes())
        same[pixels if grey.std() >= FLAT else example.sha256].append(at)
    return tuple(tuple(members) for members in same.values() if len(members) > 1)


def _findings(
    dataset: Dataset, fingerprints: Fingerprints, rows: np.ndarray
) -> tuple[Finding, ...]:
    case = CheckInput(dataset, fingerprints.measures[rows], _copies(dataset, fingerprints, rows))
    findings = [finding for check in CHECKS if (finding := check(case))]
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
