"""Split a dataset into training, validation and test, with no group in two of them."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain

import numpy as np

from core.dataset import group_sampling
from core.dataset.examples import Dataset, Example
from core.dataset.layout import Split
from core.errors import BadConfig

BURST = re.compile(r"burst \d+, (?=\d+\.jpg$)")
"""Start of the names of captured pictures, as `core.capture` writes them."""
Unit = list[int]
"""Indices of pictures that must stay together."""


def split(
    dataset: Dataset,
    *,
    validation: float,
    test: float,
    seed: int,
    learned: Collection[str] = (),
) -> Dataset:
    """Assign a split to every picture.

    Each class is divided in the given proportions. Pictures that share a `group`, a `group_name` or
    their bytes stay together, as a unit, and each unit has the same chances. A class with three or
    more units has at least one picture in each requested split; with two, in training and test;
    with one, in training. Groups that the visitor chose may hold pictures of several classes; they
    have the same chances, too, and the split is balanced as far as these allow. The result depends
    on the bytes of the pictures, on what is one class or group, and on the seed; not on names, nor
    on the order of pictures or classes.

    A split of all pictures that is already there, predefined or not, is kept. If it has no
    validation pictures, some are taken from training, as many as in a new split.

    Args:
        validation: share of all pictures, 0 or more.
        test: share of all pictures, 0 or more; less than 1 together with `validation`.
        seed: 0 or more.
        learned: SHA-256 of pictures that the model to continue from learned from. They, and those
            that look like them, are for training, unless a split that is already there differs.

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
    if dataset.predefined or ("test" in present and None not in present):
        splits = [None if e.split == "train" else e.split for e in dataset.examples]
        shares = {"validation": 0 if "validation" in present else validation / (1 - test)}
    random = np.random.default_rng(seed)
    unassigned = [index for index, part in enumerate(splits) if part is None]
    assign_all = _assign_together if dataset.grouped_by else _assign_classes
    examples = dataset.with_each("label", _numbered_by_content(dataset.examples)).examples
    classes = _by_class(examples, unassigned)
    assigned = assign_all(examples, classes, shares, learned, random)
    for part, indices in assigned.items():
        for index in indices:
            splits[index] = part
    return dataset.with_each("split", splits)


def units_of(
    examples: Sequence[Example],
    indices: Iterable[int],
    *,
    bursts: bool = False,
    chosen: bool = True,
) -> list[Unit]:
    """Join the pictures at these indices that share a group or their bytes, or also a burst.

    Args:
        bursts: whether bursts of captured pictures are joined.
        chosen: whether pictures with the same `group_name` are.
    """
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
        if chosen and example.group_name:
            parent[root(("chosen", example.group_name))] = root(index)
        if bursts and (burst := BURST.match(example.name.rpartition("/")[2])):
            parent[root(("burst", example.label, burst.group()))] = root(index)
    joined: defaultdict[object, Unit] = defaultdict(list)
    for index in indices:
        joined[root(index)].append(index)
    return list(joined.values())


def groups(examples: Sequence[Example], *, bursts: bool = False, chosen: bool = True) -> np.ndarray:
    """Number of each picture's unit, (n,) int64, in an order that depends on their bytes only.

    Without bursts for cross-validation, as there may be few bursts; with bursts for intervals.
    """
    numbers = np.empty(len(examples), np.int64)
    joined = units_of(examples, range(len(examples)), bursts=bursts, chosen=chosen)
    for number, indices in enumerate(_sorted_by_bytes(examples, joined)):
        numbers[indices] = number
    return numbers


def known(dataset: Dataset, learned: Collection[str], *, chosen: bool = True) -> np.ndarray:
    """Which pictures, (n,) bool, share a unit or a burst with one of these SHA-256."""
    unit = groups(dataset.examples, bursts=True, chosen=chosen)
    return np.isin(unit, unit[[example.sha256 in learned for example in dataset.examples]])


def leaked(dataset: Dataset, learned: Collection[str] = ()) -> int:
    """Number of test pictures that nearly equal one that the model learns from, or learned from.

    Args:
        learned: SHA-256 of pictures that the model to continue from learned from.
    """
    in_test = np.array([example.split == "test" for example in dataset.examples], bool)
    trained = {e.sha256 for e in dataset.examples if e.split != "test"}
    return int((known(dataset, trained.union(learned), chosen=False) & in_test).sum())


def assign(
    units: list[Unit],
    shares: dict[Split, float],
    random: np.random.Generator,
    *,
    for_training: int = 1,
) -> dict[Split, list[int]]:
    """Assign units at random; large ones have the same chances as small ones.

    The units are laid around a circle in random order, from a random point; each goes to the split
    whose arc contains its middle. So a split misses its share by less than one unit, and with
    single pictures by none. If a very large unit leaves less than half of its share for training,
    all are laid again.

    Args:
        units: at least one.
        shares: of all pictures, by split; training gets the rest.
        random: of order and starting point.
        for_training: minimum number of training units; 0 if training has other pictures.

    Returns:
        Indices of the pictures by split.
    """
    count = sum(map(len, units))
    most = max(0, len(units) - for_training)
    requested = [part for part, share in shares.items() if share > 0][:most]
    wanted: dict[Split, int] = {part: max(1, round(shares[part] * count)) for part in requested}
    rest = max(for_training, count - sum(wanted.values()))
    wanted = {"train": rest, **wanted} if rest else wanted
    for _ in range(group_sampling.TRIES):
        assigned = _deal(units, wanted, random)
        if 2 * sum(map(len, assigned.get("train", []))) >= rest:
            break
    return {part: [*chain(*members)] for part, members in assigned.items()}


def _assign_classes(
    examples: Sequence[Example],
    classes: list[list[Unit]],
    shares: dict[Split, float],
    learned: Collection[str],
    random: np.random.Generator,
) -> dict[Split, list[int]]:
    """Assign the units of each class by themselves; those learned from are for training."""
    assigned: defaultdict[Split, list[int]] = defaultdict(list)
    for units in classes:
        before, new = _learned_and_new(examples, units, learned)
        assigned["train"] += chain(*before)
        if new:
            of_new = _for_new(before, new, shares)
            parts = assign(new, of_new, random, for_training=0 if before else 1)
            for part, indices in parts.items():
                assigned[part] += indices
    return assigned


def _assign_together(
    examples: Sequence[Example],
    classes: list[list[Unit]],
    shares: dict[Split, float],
    learned: Collection[str],
    random: np.random.Generator,
) -> dict[Split, list[int]]:
    """Assign units that may hold pictures of several classes, each with the same chances."""
    everything = [units[i] for units in classes for i in random.permutation(len(units))]
    before, new = _learned_and_new(examples, everything, learned)
    shares = _for_new(before, new, shares)
    number = 1 + max(example.label for example in examples)

    def counts(units: list[Unit]) -> np.ndarray:
        labels = ([examples[index].label for index in unit] for unit in units)
        rows = [np.bincount(members, minlength=number) for members in labels]
        return np.array(rows).reshape(-1, number)

    assigned = group_sampling.divide(counts(new), shares, random, counts(before).sum(axis=0) > 0)
    parts: defaultdict[Split, list[int]] = defaultdict(list)
    parts["train"] += chain(*before)
    for unit, part in zip(new, assigned, strict=True):
        parts[part] += unit
    return parts


def _learned_and_new(
    examples: Sequence[Example], units: list[Unit], learned: Collection[str]
) -> tuple[list[Unit], list[Unit]]:
    """Units with pictures learned from before, and the others."""
    before: list[Unit] = []
    new: list[Unit] = []
    for unit in units:
        (before if any(examples[i].sha256 in learned for i in unit) else new).append(unit)
    return before, new


def _for_new(before: list[Unit], new: list[Unit], shares: dict[Split, float]) -> dict[Split, float]:
    """Shares of the new pictures that are these shares of all, as far as the new ones go."""
    if not before or not new:
        return shares
    larger = 1 + sum(map(len, before)) / sum(map(len, new))
    most = sum(shares.values()) or 1.0
    return {part: share * min(larger, 1 / most) for part, share in shares.items()}


def _deal(
    units: list[Unit], wanted: dict[Split, int], random: np.random.Generator
) -> dict[Split, list[Unit]]:
    """Units by split; no split is empty."""
    count = sum(map(len, units))
    shuffled = [units[i] for i in random.permutation(len(units))]
    sizes = np.array([len(unit) for unit in shuffled])
    middles = (np.cumsum(sizes) - sizes / 2 + random.uniform(0, count)) % count
    ends = np.cumsum(list(wanted.values()))
    splits = np.searchsorted(ends[:-1] * (count / ends[-1]), middles, side="right")
    parts = list(wanted)
    assigned: dict[Split, list[Unit]] = {part: [] for part in parts}
    for unit, split in zip(shuffled, splits, strict=True):
        assigned[parts[split]].append(unit)
    for members in assigned.values():
        if not members:
            members.append(max(assigned.values(), key=len).pop())
    return assigned


def _by_class(examples: Sequence[Example], indices: Iterable[int]) -> list[list[Unit]]:
    """Units of each class, sorted by their bytes; a unit's class is its most common label."""
    classes: defaultdict[int, list[Unit]] = defaultdict(list)
    for unit in units_of(examples, indices):
        counts = Counter(examples[index].label for index in unit)
        classes[min(counts, key=lambda label: (-counts[label], label))].append(unit)
    return [_sorted_by_bytes(examples, classes[label]) for label in sorted(classes)]


def _sorted_by_bytes(examples: Sequence[Example], units: Iterable[Unit]) -> list[Unit]:
    return sorted(units, key=lambda unit: min(examples[index].sha256 for index in unit))


def _numbered_by_content(examples: Sequence[Example]) -> list[int]:
    """A number of each picture's class that depends on the pictures of the class only."""
    first: dict[int, str] = {}
    for example in examples:
        first[example.label] = min(example.sha256, first.get(example.label, example.sha256))
    number = {label: n for n, label in enumerate(sorted(first, key=first.__getitem__))}
    return [number[example.label] for example in examples]
