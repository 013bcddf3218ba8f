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
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from core.dataset import levels
from core.dataset.examples import Column, Dataset
from core.errors import BadDataset, BadInput
from core.system.prose import listed

EXIF = ("day", "device")
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
_LEVEL = re.compile(r"(?P<kind>folder|prefix)(:(?P<level>[1-9][0-9]{0,2}))?")
_COLUMN = re.compile(r"(?P<file>.*?\.(csv|tsv)):(?P<title>.+)", re.IGNORECASE | re.DOTALL)


class GroupSource(NamedTuple):
    """What groups are taken from.

    Attributes:
        kind: `folder`, `prefix`, `day`, `device` or `column`.
        level: of folders or words, from 1; 0 for any.
        file, column: name of a table, and the title of its column, without colons.
    """

    kind: str
    level: int = 0
    file: str = ""
    column: str = ""

    @classmethod
    def parse(cls, by: str) -> GroupSource:
        """Read one of the forms above.

        Raises:
            BadInput: it is none of them.
        """
        if by in EXIF:
            return cls(by)
        if level := _LEVEL.fullmatch(by):
            return cls(level["kind"], level=int(level["level"] or 0))
        if column := _COLUMN.fullmatch(by):
            # A title has no colons here, whether it has some in the table or not.
            title = column["title"].replace(":", " ").strip()
            return cls("column", file=column["file"], column=title)
        raise BadInput(f"Expected {FORMS}; found {by!r}.")

    def __str__(self) -> str:
        if self.kind == "column":
            return f"{self.file}:{self.column}"
        return f"{self.kind}:{self.level}" if self.level > 1 else self.kind

    @property
    def title(self) -> str:
        """What groups are taken from, as in a sentence: `by file-name prefix`."""
        titles = {
            "folder": "by inner folder" if self.level > 1 else "by folder",
            "prefix": "by a longer file-name prefix" if self.level > 1 else "by file-name prefix",
            "day": "by the day they were taken",
            "device": "by device",
            "column": f"by the column {self.column} of {self.file}",
        }
        return titles[self.kind]


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
        title = GroupSource.parse(self.by).title
        return f"{self.groups:,} groups {title}, such as {self.examples[0]}"


def suggest(dataset: Dataset, columns: Sequence[Column] = ()) -> tuple[Suggestion, ...]:
    """The ways to group that a dataset offers, the likeliest first.

    A useful grouping has at least five groups of several pictures, no more groups than half the
    pictures, no group of more than half of them, and most classes in three groups or more: it is
    neither a number of each picture nor the classes over again.

    Args:
        columns: of tables that name its pictures.
    """
    labels = np.array([example.label for example in dataset.examples], np.int64)
    suggestions: list[Suggestion] = []
    seen: set[bytes] = set()
    for source, names in _candidates(dataset, columns, labels):
        group = levels.numbered(names)
        partition = group.tobytes()
        likely = source.kind != "column" or _SOURCES.search(source.column)
        if partition in seen or not likely or not _useful(group, labels):
            continue
        seen.add(partition)
        suggestions.append(Suggestion.of(str(source), names))
    return tuple(suggestions)


def group(dataset: Dataset, by: str, columns: Sequence[Column] = ()) -> Dataset:
    """The dataset with the name of its group at each picture; none of them if `by` is empty.

    Args:
        by: what groups are taken from. Without a level, it is the first that `suggest` suggests,
            or else the first that makes three groups.
        columns: of tables that name its pictures.

    Raises:
        BadInput: `by` is none of the forms, or names a table or level that is not there.
        BadDataset: there are fewer than three groups, or the groups are the classes.
    """
    if not by:
        ungrouped = dataset.with_each("group_name", [""] * len(dataset.examples))
        return ungrouped.model_copy(update={"grouped_by": ""})
    wanted = GroupSource.parse(by)
    labels = np.array([example.label for example in dataset.examples], np.int64)
    fitting = {
        source: names
        for source, names in _candidates(dataset, columns, labels)
        if wanted in (source, source._replace(level=0))
    }
    if not fitting:
        raise BadInput(_missing(wanted, by, columns))
    problems = {source: _problem(names, labels, source) for source, names in fitting.items()}
    usable = [source for source, problem in problems.items() if not problem]
    if not usable:
        raise BadDataset(next(iter(problems.values())))
    useful = (source for source in usable if _useful(levels.numbered(fitting[source]), labels))
    chosen = next(useful, usable[0])
    named = dataset.with_each("group_name", fitting[chosen])
    return named.model_copy(update={"grouped_by": str(chosen)})


def _candidates(
    dataset: Dataset, columns: Sequence[Column], labels: np.ndarray
) -> Iterator[tuple[GroupSource, list[str]]]:
    """All ways to group, with the name of each picture's group, if any."""
    for column in columns:
        names = [column.groups.get(e.name, "") for e in dataset.examples]
        yield GroupSource.parse(column.name), names
    for level, names in levels.groupings("folder", dataset, labels):
        yield GroupSource("folder", level), names
    by_prefix = levels.groupings("prefix", dataset, labels)
    for level, names in sorted(by_prefix, key=lambda each: _is_category(each[1], labels)):
        yield GroupSource("prefix", level), names
    for kind in EXIF:
        names = [getattr(example, kind) for example in dataset.examples]
        if any(names):
            yield GroupSource(kind), names


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


def _problem(names: Sequence[str], labels: np.ndarray, source: GroupSource) -> str:
    """Why pictures cannot be grouped like this; empty if they can."""
    group = levels.numbered(names)
    number = int(group.max()) + 1
    named = sorted(set(names) - {""})
    if number < MINIMUM_GROUPS:
        return (
            f"Expected at least {MINIMUM_GROUPS} groups, for training, validation and test; found "
            f"{number} {source.title}: {listed(named)}."
        )
    if len(named) < 2 or number == len(names):
        return f"Expected groups of several pictures {source.title}; found that each stands alone."
    if max(_groups_per_class(group, labels)) == 1:
        return (
            f"The groups {source.title} are the classes ({listed(named)}). If each is kept "
            "together, nothing is left to test. Choose smaller groups."
        )
    return ""


def _missing(wanted: GroupSource, by: str, columns: Sequence[Column]) -> str:
    """That pictures cannot be grouped like this."""
    if wanted.level:
        return f"Expected a level of folders or file names that groups pictures; found {by!r}."
    if wanted.kind == "folder":
        return "Expected folders above or below those of the classes to group by, found none."
    if wanted.kind == "prefix":
        return (
            "Expected file names that begin with a group and a separator, such as "
            "site03_0001.jpg; found none."
        )
    if wanted.kind in EXIF:
        return f"Expected the {wanted.kind} in the EXIF data of the pictures, found none."
    names = listed([column.name for column in columns]) or "none in this data"
    return f"Expected a column that groups pictures: {names}; found {by!r}."
