"""What a dataset is: classes, and pictures that belong to them."""

from pydantic import BaseModel, ConfigDict

from core.archive import Skipped
from core.dataset.layout import Split


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Example(_Frozen):
    """One picture of a dataset.

    Attributes:
        name: its path as it was given, for people.
        path: its file, relative to the pictures folder, or absolute where it is read in place.
        label: place of its class in `Dataset.classes`.
        sha256: of its bytes.
        width: upright, in pixels.
        height: upright, in pixels.
        split: its part; None until the dataset is split.
        group: number it shares with pictures that look the same; None while unknown.
        format: as Pillow calls it, `JPEG`.
        size: of its file, in bytes.
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


class Dataset(_Frozen):
    """Classes, their pictures, and what was left out."""

    name: str
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    skipped: tuple[Skipped, ...] = ()
    predefined: bool = False

    def count(self, label: int, split: Split | None = None) -> int:
        """How many pictures a class has, in all or in one part."""
        return sum(e.label == label and split in (None, e.split) for e in self.examples)

    def of(self, split: Split) -> tuple[Example, ...]:
        """The pictures of one part, in order."""
        return tuple(example for example in self.examples if example.split == split)
