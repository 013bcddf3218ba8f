"""Groups that a visitor wants to be kept together, such as sites, patients, days and cameras.

What groups are taken from is written as

    folder, folder:2        the folder on a level below the top; the outermost that makes groups
    prefix, prefix:2        the words at the start of the file name; the fewest that make groups
    day, device             when or with what a picture was taken, by EXIF
    patients.csv:patient    a column of a table of file names
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from pydantic import BaseModel

from core.dataset import levels
from core.dataset.examples import Dataset
from core.errors import BadDataset, BadInput
from core.system.prose import listed

EXIF = ("day", "device")
LEVELED = ("folder", "prefix")
FORMS = "folder, prefix, day, device or FILE.csv:column"
MINIMUM_GROUPS = 3
"""Groups without which nothing is left for one of training, validation and test."""
USEFUL = 5
"""Fewest groups of several pictures that are suggested."""
COVERED = 0.8
"""Share of the pictures that must be in such groups."""
NUMBERED = 0.75
"""Least combinations of a group and a class, per picture, from which groups are numbers of the
pictures in each class."""
SAMPLES = 3
"""Groups that are named as examples."""
_SOURCES = re.compile(
    r"group|patient|subject|person|participant|case|lesion|specimen|site|centre|center|hospital|clinic"
    r"|location|place|plot|field|farm|camera|cam|device|scanner|session|visit|day|date|scene|video|clip"
    r"|burst|batch|plate|animal|individual|user|owner|source",
    re.IGNORECASE,
)
"""Words in the title of a column that make it likely to name groups."""
_COUNTED = re.compile(r"\d")
_COLUMN = re.compile(r"(?P<file>.*?\.(csv|tsv)):(?P<title>.+)", re.IGNORECASE | re.DOTALL)


class Suggestion(BaseModel, frozen=True):
    """A way to group the pictures of a dataset.

    Attributes:
        by: as in `group`.
        groups: their number, with each picture without a group as one.
        examples: names of some of them.
    """

    by: str
    groups: int
    examples: tuple[str, ...]

    @classmethod
    def of(cls, by: str, names: Iterable[str]) -> Suggestion:
        """Groups by the names of each picture's group."""
        sizes = Counter(names)
        alone = sizes.pop("", 0)
        common = tuple(name for name, _ in sizes.most_common(SAMPLES))
        return cls(by=by, groups=len(sizes) + alone, examples=common)

    @property
    def sentence(self) -> str:
        """`214 groups by file-name prefix, such as site03`."""
        return f"{self.groups:,} groups {title(self.by)}, such as {self.examples[0]}"


def title(by: str) -> str:
    """What groups are taken from, as in a sentence: `by file-name prefix`."""
    kind, _, detail = by.partition(":")
    if kind in LEVELED:
        finer = detail not in ("", "1")
        if kind == "folder":
            return "by inner folder" if finer else "by folder"
        return "by a longer file-name prefix" if finer else "by file-name prefix"
    if by in EXIF:
        return "by the day they were taken" if by == "day" else "by device"
    table, column = table_and_column(by)
    return f"by the column {column} of {table}"


def table_and_column(by: str) -> tuple[str, str]:
    """The file and the title in `patients.csv:patient`; empty if groups are from something else.

    A title has no colons here, whether it has some in the table or not.
    """
    column = _COLUMN.fullmatch(by)
    return (column["file"], column["title"].replace(":", " ").strip()) if column else ("", "")


def check(by: str) -> None:
    """Check that groups are taken from something that is known.

    Raises:
        BadInput: they are not.
    """
    kind, _, detail = by.partition(":")
    known = by in ("", *EXIF, *LEVELED) or (kind in LEVELED and detail.isdigit())
    if not known and not any(table_and_column(by)):
        raise BadInput(f"Expected {FORMS}; found {by!r}.")


def suggest(dataset: Dataset) -> tuple[Suggestion, ...]:
    """The ways to group that a dataset offers, the likeliest first.

    A useful grouping has at least five groups of several pictures, no more groups than half the
    pictures, no group of more than half of them, and most classes in three groups or more: it is
    neither a number of each picture nor the classes over again.
    """
    labels = np.array([example.label for example in dataset.examples], np.int64)
    suggestions: list[Suggestion] = []
    seen: set[bytes] = set()
    of_tables = {column.name for column in dataset.columns}
    for by, names in _candidates(dataset, labels):
        group = levels.numbered(names)
        partition = group.tobytes()
        column = table_and_column(by)[1] if by in of_tables else "group"
        if partition in seen or not _SOURCES.search(column) or not _useful(group, labels):
            continue
        seen.add(partition)
        suggestions.append(Suggestion.of(by, names))
    return tuple(suggestions)


def group(dataset: Dataset, by: str) -> Dataset:
    """The dataset with the name of its group at each picture; none of them if `by` is empty.

    Args:
        by: what groups are taken from. Without a level, it is the first that `suggest` suggests,
            or else the first that makes three groups.

    Raises:
        BadInput: `by` is none of the forms, or names a table or level that is not there.
        BadDataset: there are fewer than three groups, or the groups are the classes.
    """
    check(by)
    if not by:
        return _with(dataset, [""] * len(dataset.examples), "")
    labels = np.array([example.label for example in dataset.examples], np.int64)
    kind, _, detail = by.partition(":")
    by = ":".join(filter(None, table_and_column(by))) or by
    fitting = {
        found: names
        for found, names in _candidates(dataset, labels, kind)
        if by in (found, found.partition(":")[0]) or (detail == "1" and found == kind)
    }
    if not fitting:
        raise BadInput(_missing(dataset, by))
    problems = {found: _problem(names, labels, found) for found, names in fitting.items()}
    usable = [found for found, problem in problems.items() if not problem]
    if not usable:
        raise BadDataset(next(iter(problems.values())))
    useful = (found for found in usable if _useful(levels.numbered(fitting[found]), labels))
    chosen = next(useful, usable[0])
    return _with(dataset, fitting[chosen], chosen)


def _with(dataset: Dataset, names: Sequence[str], by: str) -> Dataset:
    examples = tuple(
        example.model_copy(update={"group_name": name})
        for example, name in zip(dataset.examples, names, strict=True)
    )
    return dataset.model_copy(update={"examples": examples, "grouped_by": by})


def _candidates(
    dataset: Dataset, labels: np.ndarray, only: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """All ways to group, with the name of each picture's group; empty for none."""
    for column in dataset.columns:
        yield column.name, [column.groups.get(e.name, "") for e in dataset.examples]
    if only in ("", "folder"):
        yield from levels.find("folder", dataset, labels)
    if only in ("", "prefix"):
        found = levels.find("prefix", dataset, labels)
        yield from sorted(found, key=lambda level: _is_category(level[1], labels))
    for kind in EXIF:
        names = [getattr(example, kind) for example in dataset.examples]
        if only in ("", kind) and any(names):
            yield kind, names


def _useful(group: np.ndarray, labels: np.ndarray) -> bool:
    sizes = np.bincount(group)
    several = sizes[sizes > 1]
    count = len(group)
    return bool(
        len(several) >= USEFUL
        and len(sizes) <= count / 2
        and sizes.max() <= count / 2
        and several.sum() >= COVERED * count
        and levels.pairs(group, labels) <= NUMBERED * count
        and np.median(_groups_per_class(group, labels)) >= MINIMUM_GROUPS
    )


def _groups_per_class(group: np.ndarray, labels: np.ndarray) -> list[int]:
    return [len(np.unique(group[labels == label])) for label in np.unique(labels)]


def _is_category(names: Sequence[str], labels: np.ndarray) -> bool:
    """Whether groups are parts of one class each and not numbered, such as its breeds."""
    group = levels.numbered(names)
    return levels.pairs(group, labels) == group.max() + 1 and not any(
        _COUNTED.search(name) for name in names
    )


def _problem(names: Sequence[str], labels: np.ndarray, by: str) -> str:
    """Why pictures cannot be grouped like this; empty if they can."""
    group = levels.numbered(names)
    number = int(group.max()) + 1
    named = sorted(set(names) - {""})
    if number < MINIMUM_GROUPS:
        return (
            f"Expected at least {MINIMUM_GROUPS} groups, for training, validation and test; found "
            f"{number} {title(by)}: {listed(named)}."
        )
    if len(named) < 2 or number == len(names):
        return f"Expected groups of several pictures {title(by)}; found that each stands alone."
    if max(_groups_per_class(group, labels)) == 1:
        return (
            f"The groups {title(by)} are the classes ({listed(named)}). If each is kept together, "
            "nothing is left to test. Choose smaller groups."
        )
    return ""


def _missing(dataset: Dataset, by: str) -> str:
    kind = by.partition(":")[0]
    if by == "folder":
        return "Expected folders above or below those of the classes to group by, found none."
    if by == "prefix":
        return (
            "Expected file names that begin with a group and a separator, such as "
            "site03_0001.jpg; found none."
        )
    if by in EXIF:
        return f"Expected the {by} in the EXIF data of the pictures, found none."
    if kind in LEVELED:
        return f"Expected a level of folders or file names that groups pictures; found {by!r}."
    columns = listed([column.name for column in dataset.columns]) or "none in this data"
    return f"Expected a column that groups pictures: {columns}; found {by!r}."
