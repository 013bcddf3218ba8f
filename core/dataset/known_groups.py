"""Tell groups that a model was trained on from new ones."""

from collections.abc import Collection, Sequence
from itertools import combinations, takewhile

import numpy as np

from core.dataset import levels, splitting, tables
from core.dataset.examples import Dataset, Example
from core.dataset.grouping import GroupSource
from core.evaluation.wording import NewGroups


def find(dataset: Dataset, earlier: Dataset) -> np.ndarray | None:
    """Which pictures, (n,) bool, are in groups whose names a model learned from.

    Folders and words of file names are sought anywhere in the new names: levels are counted among
    those that vary, so that the same groups may be of another level in other pictures.

    Args:
        earlier: the dataset of the model, with its split.

    Returns:
        None if the two are not grouped in the same way.
    """
    if not (dataset.grouped_by and earlier.grouped_by):
        return None
    new, old = (GroupSource.parse(each.grouped_by) for each in (dataset, earlier))
    by_level = new.kind in ("folder", "prefix")
    if new.kind != old.kind or not (by_level or new == old):
        return None
    names = {e.group_name for e in earlier.examples if e.split != "test"} - {""}
    keys = set(map(tables.group_key, names))
    same = np.array([tables.group_key(e.group_name) in keys for e in dataset.examples], bool)
    return same | _on_any_level(dataset, new.kind, names) if by_level else same


def new(dataset: Dataset) -> NewGroups:
    """The groups in the test set; none without groups, or if one is in training, too."""
    trained = {e.group_name for e in dataset.examples if e.split != "test"} - {""}
    tested = dataset.of("test")
    if not dataset.grouped_by or trained & {example.group_name for example in tested}:
        return NewGroups()
    return count(tested)


def count(examples: Sequence[Example]) -> NewGroups:
    """Count the groups of pictures; those that look the same are in one."""
    units = splitting.units_of(examples, range(len(examples)))
    named = sum(any(examples[index].group_name for index in unit) for unit in units)
    alone = sum(not example.group_name for example in examples)
    return NewGroups(named, alone)


def _on_any_level(dataset: Dataset, kind: str, names: Collection[str]) -> np.ndarray:
    """Which pictures, (n,) bool, have the words of one of these groups in their names."""
    known = [levels.parts_of_group(kind, name.casefold()) for name in names]
    if kind == "folder" and len(known) > 1:
        # A folder around everything tells no group apart and may have another name elsewhere.
        columns = zip(*known, strict=False)
        around = len(list(takewhile(lambda words: len(set(words)) == 1, columns)))
        known = [words[around:] for words in known]
    marks = {tuple(words) for words in known if words}
    # Folders of classes make no level; they may lie between those of a group.
    classes = {folder.casefold() for name in dataset.classes for folder in name.split("/")}

    def contains(parts: list[tuple[str, str]]) -> bool:
        """Whether some of the words, one after the other, are one of these marks."""
        words = [word.casefold() for _, word in parts if word.casefold() not in classes]
        return any(
            tuple(words[start:end]) in marks
            for start, end in combinations(range(len(words) + 1), 2)
        )

    return np.array(list(map(contains, levels.parts_of(kind, dataset))), bool)
