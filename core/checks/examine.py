"""Find problems of a dataset that would spoil a model or inflate its score.

A check is a function that takes a `CheckInput` and returns a finding or None.
"""

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from core.checks import classes, near_duplicates
from core.checks import pictures as picture_checks
from core.checks.check_input import CheckInput
from core.dataset import Dataset, Example
from core.dataset.findings import Finding, Remedy
from core.dataset.fingerprints import Fingerprints, fingerprint
from core.errors import BadImage
from core.settings import Settings
from core.system.progress import Progress, ignore

FEWEST_CLASSES = 2

CHECKS: tuple[Callable[[CheckInput], Finding | None], ...] = (
    classes.at_least_two_classes,
    classes.too_few_pictures,
    picture_checks.same_picture_in_two_classes,
    classes.few_pictures,
    classes.untested,
    classes.imbalance,
    classes.similar_names,
    picture_checks.leaks,
    picture_checks.duplicates,
    picture_checks.near_duplicates,
    picture_checks.too_small_to_compare,
    picture_checks.similar_pictures_in_two_classes,
    picture_checks.nearly_black,
    *picture_checks.PROPERTY_CHECKS,
    picture_checks.unreadable,
    picture_checks.formats_and_sizes,
)


def examine(
    dataset: Dataset, pictures: Path, settings: Settings, progress: Progress = ignore
) -> tuple[Dataset, tuple[Finding, ...]]:
    """Group pictures that look the same, which sets `Example.group`, and run all checks.

    Args:
        pictures: folder with the fingerprints that `read` wrote; without them, the pictures are
            decoded again.

    Raises:
        BadImage: a picture can no longer be read.
    """
    fingerprints, rows = _fingerprints(dataset, pictures, settings)
    grouped = _group(dataset, fingerprints, rows, progress)
    return grouped, _findings(grouped, fingerprints, rows)


def run_checks(dataset: Dataset, pictures: Path, settings: Settings) -> tuple[Finding, ...]:
    """Run the checks on a dataset with groups, such as one with remedies applied."""
    return _findings(dataset, *_fingerprints(dataset, pictures, settings))


def near_copies(
    dataset: Dataset,
    pictures: Path,
    settings: Settings,
    learned: Sequence[Example],
    earlier: Fingerprints,
) -> np.ndarray:
    """Which examples look the same as a picture that a model learned from, (n,) bool.

    Args:
        learned: the pictures that the model learned from.
        earlier: fingerprints of these; pictures without one are not compared.
    """
    current, _ = _fingerprints(dataset, pictures, settings)
    both = current.with_those_of(earlier)
    examples = [*dataset.examples, *(e for e in learned if e.sha256 in earlier.place)]
    rows = np.array([both.place[example.sha256] for example in examples])
    group = _same(examples, both, rows)
    new, old = np.split(group, [len(dataset.examples)])
    return np.isin(new, old)


def _fingerprints(
    dataset: Dataset, pictures: Path, settings: Settings
) -> tuple[Fingerprints, np.ndarray]:
    """Fingerprints of the pictures, and the row of each example in them."""
    fingerprints = Fingerprints.load(pictures)
    if fingerprints is None or any(e.sha256 not in fingerprints.place for e in dataset.examples):
        fingerprints = Fingerprints.of(
            [fingerprint(pictures / e.path, settings, dataset.scale) for e in dataset.examples]
        )
        fingerprints.save(pictures)
    try:
        rows = [fingerprints.place[example.sha256] for example in dataset.examples]
    except KeyError:
        raise BadImage("A picture has changed since it was read. Upload the set again.") from None
    return fingerprints, np.array(rows, np.int64)


def _group(
    dataset: Dataset, fingerprints: Fingerprints, rows: np.ndarray, progress: Progress
) -> Dataset:
    """Number the groups of pictures that look the same."""
    report = functools.partial(progress, "Comparing pictures")
    same = _same(dataset.examples, fingerprints, rows, report)
    _, group, count = np.unique(same, return_inverse=True, return_counts=True)
    numbers = np.where(count > 1, np.cumsum(count > 1) - 1, -1)[group].tolist()
    return dataset.with_each("group", (number if number >= 0 else None for number in numbers))


def _same(
    examples: Sequence[Example],
    fingerprints: Fingerprints,
    rows: np.ndarray,
    report: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """(n,) int, equal for examples that look the same."""
    used = np.unique(rows)
    _, first, unique_index = np.unique(
        fingerprints.rows["pixels"][used], return_index=True, return_inverse=True
    )
    initial = np.arange(len(fingerprints.rows))
    initial[used] = used[first[unique_index]]
    edges = np.array([min(example.width, example.height) for example in examples])
    compared = np.intersect1d(rows[edges >= near_duplicates.COMPARABLE], initial[used])
    grey, chroma = fingerprints.rows["grey"], fingerprints.rows["chroma"]
    return near_duplicates.group(grey, chroma, compared, initial, report)[rows]


def _duplicates(fingerprints: Fingerprints, rows: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more examples with equal pixels, as indices of the examples."""
    same: defaultdict[str, list[int]] = defaultdict(list)
    for index, pixels in enumerate(fingerprints.rows["pixels"][rows].tolist()):
        same[pixels].append(index)
    return tuple(tuple(members) for members in same.values() if len(members) > 1)


def _findings(
    dataset: Dataset, fingerprints: Fingerprints, rows: np.ndarray
) -> tuple[Finding, ...]:
    data = CheckInput(dataset, fingerprints.rows["measures"][rows], _duplicates(fingerprints, rows))
    # A remedy that leaves too few classes is not offered.
    return tuple(
        finding.model_copy(update={"remedy": None})
        if finding.remedy and _classes_left(dataset, finding.remedy) < FEWEST_CLASSES
        else finding
        for check in CHECKS
        if (finding := check(data))
    )


def _classes_left(dataset: Dataset, remedy: Remedy) -> int:
    """How many classes have pictures after a remedy."""
    # Counted without applying the remedy: this runs at each visit of a page.
    if remedy.kind == "merge":
        return len(dataset.classes) - len(set(remedy.classes)) + 1
    files, left_out = set(remedy.files), set(remedy.classes)
    if remedy.kind != "leave_out":
        return len(dataset.classes)
    labels = {example.label for example in dataset.examples if example.name not in files}
    return len({dataset.classes[label] for label in labels} - left_out)
