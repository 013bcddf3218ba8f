"""Infer classes and splits from the folders of pictures."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test"]

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

NO_CLASS = "Not in a class folder. Move it into one."
NO_SPLIT = "Outside the train, validation and test folders. Move it into one of them."
NO_TRAINING = "Its class has no training pictures. Add some, or leave the class out."


@dataclass(frozen=True)
class Assignment:
    """Class and split of one picture; with a `reason`, the picture is skipped."""

    label: str = ""
    split: Split | None = None
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """Assignments of all pictures, in order; `predefined` if the folders define the split."""

    assignments: tuple[Assignment, ...]
    predefined: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({a.label for a in self.assignments if not a.reason}))


def infer(names: Sequence[str]) -> Layout:
    """Infer the class of each picture, and its split if the folders define one.

    Top folders that contain everything are ignored. If the top folders are then `train` and
    `val` or `test`, with class folders inside, they define the split; without test pictures, the
    validation pictures become the test set. The class of a picture is its innermost folder.
    Classes with the same name under different parents are named by as much of their path as
    tells them apart: `cat/small` and `dog/small`. Names are compared in Unicode's composed form
    and keep their first spelling.

    Args:
        names: paths with `/` between folders and none at the start.
    """
    paths = [name.split("/") for name in names]
    while paths and len({_normal(path[0]) for path in paths}) == 1 and _has_subfolders(paths):
        paths = [path[1:] for path in paths]
    splits = _splits(paths)
    folders = [
        path[1:-1] if split else path[:-1] for path, split in zip(paths, splits, strict=True)
    ]
    pairs = list(zip(_labels(folders, splits), splits, strict=True))
    trained = {label for label, split in pairs if label and split in (None, "train")}
    has_splits = any(splits)
    evaluation = {split for label, split in pairs if label in trained} - {None, "train"}
    assignments = []
    for label, split in pairs:
        if has_splits and split is None:
            assignments.append(Assignment(reason=NO_SPLIT))
        elif not label:
            assignments.append(Assignment(reason=NO_CLASS))
        elif label not in trained:
            assignments.append(Assignment(reason=NO_TRAINING))
        elif not evaluation:
            assignments.append(Assignment(label))
        elif split == "validation" and "test" not in evaluation:
            assignments.append(Assignment(label, "test"))
        else:
            assignments.append(Assignment(label, split))
    return Layout(tuple(assignments), predefined=bool(evaluation))


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _has_subfolders(paths: list[list[str]]) -> bool:
    """Whether the top folder contains folders; one without is a class and must stay."""
    return all(len(path) > 1 for path in paths) and any(len(path) > 2 for path in paths)


def _splits(paths: list[list[str]]) -> list[Split | None]:
    """The split that each top folder stands for, or None for all if they define no split."""
    splits = [SPLITS.get(path[0].casefold()) if len(path) > 1 else None for path in paths]
    with_classes = {split for path, split in zip(paths, splits, strict=True) if len(path) > 2}
    # A class may be named "train": a split also has class folders and pictures to evaluate on.
    if "train" in with_classes and {"validation", "test"} & set(splits):
        return splits
    return [None] * len(paths)


def _labels(folders: list[list[str]], splits: list[Split | None]) -> list[str]:
    """The shortest ends of the folders' paths that tell them apart within a split."""
    by_split: defaultdict[Split | None, set[tuple[str, ...]]] = defaultdict(set)
    for folder, split in zip(folders, splits, strict=True):
        if folder:
            by_split[split].add(tuple(map(_normal, folder)))
    paths = set().union(*by_split.values())
    length = dict.fromkeys(paths, 1)
    for _ in range(max(map(len, paths), default=0)):
        ambiguous: set[tuple[str, ...]] = set()
        for members in by_split.values():
            ends = Counter(path[-length[path] :] for path in members)
            ambiguous |= {end for end, count in ends.items() if count > 1}
        for path in paths:
            if path[-length[path] :] in ambiguous:
                length[path] = min(length[path] + 1, len(path))
    spellings: dict[str, str] = {}
    labels = []
    for folder in folders:
        end = folder[-length[tuple(map(_normal, folder))] :] if folder else []
        label = "/".join(end)
        labels.append(spellings.setdefault(_normal(label), label))
    return labels
