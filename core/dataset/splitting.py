"""Deal pictures out to training, validation and test, so that no picture is on two sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from core.dataset.examples import Dataset, Example
from core.dataset.layout import Split
from core.errors import BadConfig

Unit = list[int]  # pictures that stay together, by place in the dataset


def split(dataset: Dataset, *, validation: float, test: float, seed: int) -> Dataset:
    """Give every picture its part.

    Each class is shared out in the given proportions. Pictures of one `group`, and pictures
    with the same bytes, stay together. A class with three or more such units has at least one
    picture in each part that is asked for; with two, training and test have one; a single one
    is trained on. The order of the pictures does not matter, only their bytes and the seed.

    A dataset that was dealt before is kept as it is. So is a predefined split; where it lacks
    validation pictures, as large a part of its training pictures is taken for validation as
    would have been without it.

    Args:
        dataset: as read, or as examined.
        validation: part of all pictures, from 0 and under 1.
        test: part of all pictures, from 0; together with `validation` under 1.
        seed: any non-negative number.

    Raises:
        BadConfig: the parts are negative, or leave nothing to train on.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise BadConfig(
            f"Validation and test must be parts from 0 that leave some to train on; found "
            f"{validation:g} and {test:g}."
        )
    dealt = {example.split for example in dataset.examples}
    if "validation" in dealt and None not in dealt:
        return dataset
    parts: list[Split | None] = [e.split if dataset.predefined else None for e in dataset.examples]
    shares: dict[Split, float] = {"test": test, "validation": validation}
    if dataset.predefined:
        shares = {"validation": 0 if "validation" in parts else validation / (1 - test)}
        parts = [None if part == "train" else part for part in parts]
    random = np.random.default_rng(seed)
    free = [place for place, part in enumerate(parts) if part is None]
    for units in _by_class(dataset.examples, free):
        order = [units[i] for i in random.permutation(len(units))]
        for part, places in deal(order, shares).items():
            for place in places:
                parts[place] = part
    examples = tuple(
        example.model_copy(update={"split": part})
        for example, part in zip(dataset.examples, parts, strict=True)
    )
    return dataset.model_copy(update={"examples": examples})


def together(examples: Sequence[Example], places: Iterable[int]) -> list[Unit]:
    """Join the given pictures that share a group or their bytes, and so those that share both."""
    parent: dict[object, object] = {}

    def root(key: object) -> object:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    places = list(places)
    for place in places:
        example = examples[place]
        parent[root(example.sha256)] = root(place)
        if example.group is not None:
            parent[root(("group", example.group))] = root(place)
    units: defaultdict[object, Unit] = defaultdict(list)
    for place in places:
        units[root(place)].append(place)
    return list(units.values())


def _by_class(examples: Sequence[Example], places: Iterable[int]) -> list[list[Unit]]:
    """Units of each class, in an order of their bytes; of several labels the commonest counts."""
    classes: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in together(examples, places):
        counts = Counter(examples[place].label for place in unit)
        classes[min(counts, key=lambda label: (-counts[label], label))].append(unit)
    for units in classes.values():
        units.sort(key=lambda unit: min(examples[place].sha256 for place in unit))
    return [classes[label] for label in sorted(classes)]


def deal(units: list[Unit], shares: dict[Split, float]) -> dict[Split, list[int]]:
    """Give units, the largest first, to whichever part lacks most; the rest is to learn from.

    Args:
        units: at least one; pictures that stay together.
        shares: of all pictures, for the parts besides training.
    """
    count = sum(map(len, units))
    asked = [part for part, share in shares.items() if share > 0][: max(0, len(units) - 1)]
    room: dict[Split, int] = {part: max(1, round(shares[part] * count)) for part in asked}
    room = {"train": max(1, count - sum(room.values())), **room}
    dealt: dict[Split, list[Unit]] = {part: [] for part in room}
    for unit in sorted(units, key=len, reverse=True):
        part = max(room, key=lambda part: room[part])
        dealt[part].append(unit)
        room[part] -= len(unit)
    for given in dealt.values():
        if not given:
            given.append(max(dealt.values(), key=len).pop())
    return {part: [place for unit in given for place in unit] for part, given in dealt.items()}
