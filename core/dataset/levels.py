"""Levels by which pictures can be grouped: their folders, and the words of their file names."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from core.dataset import folder_names
from core.dataset.examples import Dataset

LEVELS = 6
"""Levels of folders, and words of a file name, that are tried."""
DATE = r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)"
_ADDED = re.compile(r"^added \d+/")
"""Start of the names of pictures that were added later, as `core.intake` writes them."""
_WORD = re.compile(DATE + r"|[^\s_.\-]+")


def groupings(kind: str, dataset: Dataset, labels: np.ndarray) -> Iterator[tuple[int, list[str]]]:
    """Groups by the first part of each picture's name, the first two, and so on.

    Parts that are the same everywhere or are the class itself make no level.

    Args:
        kind: `folder`, from the outermost, or `prefix`: the words of the file name but the last.
        labels: class index of each picture, (n,) int64.

    Returns:
        Each level: its number, from 1, and the name of each picture's group.
    """
    parts = parts_of(kind, dataset)
    names = [""] * len(parts)
    level = 0
    for index in range(min(LEVELS, max(map(len, parts), default=0))):
        values = [part[index][1] if index < len(part) else "" for part in parts]
        number = numbered(values)
        varies = bool(number.any())
        if varies and pairs(number, labels) <= 1.5 * len(np.unique(labels)):
            continue  # the class, under its name or another
        names = [
            name + (part[index][0] if name else "") + part[index][1] if index < len(part) else ""
            for name, part in zip(names, parts, strict=True)
        ]
        if varies:
            level += 1
            yield level, list(names)


def parts_of(kind: str, dataset: Dataset) -> list[list[tuple[str, str]]]:
    """The parts of each picture's name, each with what separates it from the last one."""
    return _folders(dataset) if kind == "folder" else _words(dataset)


def parts_of_group(kind: str, name: str) -> list[str]:
    """The parts of the name of a group, as by `parts_of`."""
    return name.split("/") if kind == "folder" else [m.group() for m in _WORD.finditer(name)]


def numbered(names: Sequence[str]) -> np.ndarray:
    """Number of each picture's group from 0 in order of appearance; one without a name is alone."""
    numbers: dict[object, int] = {}
    return np.fromiter(
        (numbers.setdefault(name or index, len(numbers)) for index, name in enumerate(names)),
        np.int64,
        len(names),
    )


def pairs(group: np.ndarray, labels: np.ndarray) -> int:
    """Number of combinations of a group and a class."""
    return len(np.unique(group * (labels.max() + 1) + labels))


def _folders(dataset: Dataset) -> list[list[tuple[str, str]]]:
    """The folders of each picture, outermost first."""
    return [
        [
            ("/", folder)
            for folder in _ADDED.sub("", example.name).split("/")[:-1]
            if not (dataset.predefined and folder_names.role(folder))
        ]
        for example in dataset.examples
    ]


def _words(dataset: Dataset) -> list[list[tuple[str, str]]]:
    """The words of each file name but the last, without those of its class at the start."""
    words: list[list[tuple[str, str]]] = []
    class_words = [{m.group().casefold() for m in _WORD.finditer(c)} for c in dataset.classes]
    for example in dataset.examples:
        stem = example.name.rsplit("/", 1)[-1].rpartition(".")[0]
        matches = list(_WORD.finditer(stem))
        separated = [
            (stem[before.end() if before else 0 : match.start()], match.group())
            for before, match in zip([None, *matches], matches, strict=False)
        ]
        own = class_words[example.label]
        while separated and separated[0][1].casefold() in own and not separated[0][1].isdigit():
            separated.pop(0)
        words.append(separated[:-1])
    return words
