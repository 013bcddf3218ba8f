"""Split a dataset into training, validation and test, with no group in two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from core.dataset.examples import Dataset, Example
from core.dataset.layout import Split
from core.errors import BadConfig

Unit = list[int]
"""Indices of pictures that must stay together."""


def split(dataset: Dataset, *, validation: float, test: float, seed: int) -> Dataset:
    """Assign a split to every picture.

    Each class is divided in the given proportions. Pictures that share a `group` or their bytes
    stay together, as a unit. A class with three or more units has at least one picture in each
    requested split; with two, in training and test; with one, in training. The result depends on
    the bytes of the pictures and the seed, not on their order.

    A dataset that is already split is returned unchanged. A predefined split is kept; if it has
    no validation pictures, some are taken from training, as many as without the predefined split.

    Args:
        dataset: as read or as examined.
        validation: share of all pictures, 0 or more.
        test: share of all pictures, 0 or more; less than 1 together with `validation`.
        seed: 0 or more.

    Raises:
        BadConfig: the shares are negative or leave nothing for training.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise BadConfig(
            "Expected shares of 0 or more for validation and test that leave some for training; "
            f"found {validation:g} and {test:g}."
        )
    present = {example.split for example in dataset.examples}
    if "validation" in present and None not in present:
        return dataset
    splits: list[Split | None] = [None] * len(dataset.examples)
    shares: dict[Split, float] = {"test": test, "validation": validation}
    if dataset.predefined:
        splits = [None if e.split == "train" else e.split for e in dataset.examples]
        shares = {"validation": 0 if "validation" in present else validation / (1 - test)}
    random = np.random.default_rng(seed)
    unassigned = [index for index, part in enumerate(splits) if part is None]
    for class_units in _by_class(dataset.examples, unassigned):
        shuffled = [class_units[i] for i in random.permutation(len(class_units))]
        for part, indices in assign(shuffled, shares).items():
            for index in indices:
                splits[index] = part
    examples = tuple(
        example.model_copy(update={"split": part})
        for example, part in zip(dataset.examples, splits, strict=True)
    )
    return dataset.model_copy(update={"examples": examples})


def units(examples: Sequence[Example], indices: Iterable[int]) -> list[Unit]:
    """Join the pictures at these indices that share a group or their bytes."""
    parent: dict[object, object] = {}

    def root(key: object) -> object:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    indices = list(indices)
    for index in indices:
        example = examples[index]
        parent[root(example.sha256)] = root(index)
        if example.group is not None:
            parent[root(("group", example.group))] = root(index)
    joined: defaultdict[object, Unit] = defaultdict(list)
    for index in indices:
        joined[root(index)].append(index)
    return list(joined.values())


def groups(examples: Sequence[Example]) -> np.ndarray:
    """Number of each picture's unit, (n,) int64; near-duplicates and copies share one."""
    numbers = np.empty(len(examples), np.int64)
    for number, places in enumerate(units(examples, range(len(examples)))):
        numbers[places] = number
    return numbers


def assign(units: list[Unit], shares: dict[Split, float]) -> dict[Split, list[int]]:
    """Assign units, the largest first, each to the split that lacks most pictures.

    Args:
        units: at least one.
        shares: of all pictures, by split; training gets the rest.

    Returns:
        Indices of the pictures by split.
    """
    count = sum(map(len, units))
    requested = [part for part, share in shares.items() if share > 0][: max(0, len(units) - 1)]
    lacking: dict[Split, int] = {part: max(1, round(shares[part] * count)) for part in requested}
    lacking = {"train": max(1, count - sum(lacking.values())), **lacking}
    assigned: dict[Split, list[Unit]] = {part: [] for part in lacking}
    for unit in sorted(units, key=len, reverse=True):
        part = max(lacking, key=lambda part: lacking[part])
        assigned[part].append(unit)
        lacking[part] -= len(unit)
    for members in assigned.values():
        if not members:
            members.append(max(assigned.values(), key=len).pop())
    return {part: [i for unit in members for i in unit] for part, members in assigned.items()}


def _by_class(examples: Sequence[Example], indices: Iterable[int]) -> list[list[Unit]]:
    """Units of each class, sorted by their bytes; a unit's class is its most common label."""
    classes: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in units(examples, indices):
        counts = Counter(examples[index].label for index in unit)
        classes[min(counts, key=lambda label: (-counts[label], label))].append(unit)
    for members in classes.values():
        members.sort(key=lambda unit: min(examples[index].sha256 for index in unit))
    return [classes[label] for label in sorted(classes)]
