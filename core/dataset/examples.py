"""Datasets: classes and the pictures that belong to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel

from core.archive.unpacking import Skipped
from core.dataset.folder_names import Split
from core.images import AS_DECLARED, Scale


class Example(BaseModel, frozen=True):
    """One picture of a dataset.

    Attributes:
        name: path as uploaded, to show to people.
        path: its file, relative to the pictures folder, or absolute if read in place.
        label: index into `Dataset.classes`.
        sha256: of the file's bytes, in hex.
        width, height: upright, in pixels.
        split: None until the dataset is split.
        group: number shared by pictures that look the same; None if not yet known.
        format: Pillow's name, such as `JPEG`.
        size: of the file, in bytes.
        day, device: when and with what it was taken, as EXIF says; empty if it does not.
        group_name: of the group that the visitor wants to be kept together, such as `site03`;
            empty for a picture without one.
    """

    name: str
    path: str
    label: int
    sha256: str
    width: int
    height: int
    split: Split | None = None
    group: int | None = None
    format: str = ""
    size: int = 0
    day: str = ""
    device: str = ""
    group_name: str = ""


class Column(BaseModel, frozen=True):
    """A column of a table by which pictures can be grouped.

    Attributes:
        name: file and column, such as `patients.csv:patient`.
        groups: name of a picture → its group.
    """

    name: str
    groups: dict[str, str]

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(set(self.groups.values()))


class Dataset(BaseModel, frozen=True):
    """Classes, their pictures and the files that were skipped.

    Attributes:
        predefined: whether the folders define the split.
        grouped_by: what the `group_name` of the pictures was taken from, as in `grouping`; empty if
            the visitor chose no groups.
        scale: of pictures of more than 8 bits.
    """

    name: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    skipped: tuple[Skipped, ...] = ()
    predefined: bool = False
    grouped_by: str = ""
    scale: Scale = AS_DECLARED

    def counts(self, split: Split | None = None) -> list[int]:
        """Number of pictures of each class, in all or in one split."""
        counted = Counter(e.label for e in self.examples if split in (None, e.split))
        return [counted[label] for label in range(len(self.classes))]

    def of(self, split: Split) -> tuple[Example, ...]:
        """The pictures of one split, in order."""
        return tuple(example for example in self.examples if example.split == split)

    def with_each(self, field: str, values: Iterable[object]) -> Dataset:
        """The dataset whose examples have these values, in order, of one of their fields."""
        examples = tuple(
            example.model_copy(update={field: value})
            for example, value in zip(self.examples, values, strict=True)
        )
        return self.model_copy(update={"examples": examples})
