"""Tell classes and splits from the folders that pictures lie in."""

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

LOOSE = "It lies beside the class folders. Move it into one of them."
OUTSIDE = "It lies outside the train, validation and test folders. Move it into one of them."
UNTAUGHT = "Its class has no training pictures. Add some, or leave the class out."


@dataclass(frozen=True)
class Place:
    """Where one picture belongs; with a `reason`, nowhere."""

    label: str = ""
    split: Split | None = None
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """What the folders mean: one place for every name, in their order."""

    places: tuple[Place, ...]
    predefined: bool

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted as folders are."""
        return tuple(sorted({place.label for place in self.places if not place.reason}))


def arrange(names: Sequence[str]) -> Layout:
    """Read the classes, and the split if there is one, off the names of pictures.

    Folders that hold everything are peeled off from the top. If the top then has a training
    and a validation or test folder, with classes inside, they are the split; where no test
    pictures are given, the validation pictures become the test. A picture's class is the last
    folder above it; classes of that name under different parents are told apart by as much of
    their path as it takes: `cat/small` and `dog/small`. Names are compared in Unicode's
    composed form and kept as they were first met.

    Args:
        names: with `/` between folders, without a leading one.
    """
    parts = [name.split("/") for name in names]
    while parts and len({_key(part[0]) for part in parts}) == 1 and _peels(parts):
        parts = [part[1:] for part in parts]
    splits = _splits(parts)
    folders = [
        part[1:-1] if split else part[:-1] for part, split in zip(parts, splits, strict=True)
    ]
    labels = _labels(folders, splits)
    placed = list(zip(labels, splits, strict=True))
    taught = {label for label, split in placed if label and split in (None, "train")}
    given = any(splits)
    checked = {split for label, split in placed if label in taught and split not in (None, "train")}
    predefined, relabelled = bool(checked), "test" not in checked
    places = []
    for label, split in placed:
        if given and split is None:
            places.append(Place(reason=OUTSIDE))
        elif not label:
            places.append(Place(reason=LOOSE))
        elif label not in taught:
            places.append(Place(reason=UNTAUGHT))
        elif not predefined:
            places.append(Place(label))
        else:
            places.append(Place(label, "test" if relabelled and split == "validation" else split))
    return Layout(tuple(places), predefined)


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _peels(parts: list[list[str]]) -> bool:
    """Whether the top folder holds folders: peeling the only class would leave nothing."""
    return all(len(part) > 1 for part in parts) and any(len(part) > 2 for part in parts)


def _splits(parts: list[list[str]]) -> list[Split | None]:
    """The part that each top folder stands for, if together they are a split."""
    found = [SPLITS.get(part[0].casefold()) if len(part) > 1 else None for part in parts]
    classed = {split for part, split in zip(parts, found, strict=True) if split and len(part) > 2}
    # A class may be called "train" too; a split has classes inside, and something to check by.
    if "train" in classed and {"validation", "test"} & set(found):
        return found
    return [None] * len(parts)


def _labels(folders: list[list[str]], splits: list[Split | None]) -> list[str]:
    """Shortest ends of the folders' paths that tell them apart within a part."""
    paths = {tuple(map(_key, folder)) for folder in folders if folder}
    inside: defaultdict[Split | None, set[tuple[str, ...]]] = defaultdict(set)
    for folder, split in zip(folders, splits, strict=True):
        if folder:
            inside[split].add(tuple(map(_key, folder)))
    length = dict.fromkeys(paths, 1)
    for _ in range(max(map(len, paths), default=0)):
        clashing: set[tuple[str, ...]] = set()
        for members in inside.values():
            ends = Counter(path[-length[path] :] for path in members)
            clashing |= {end for end, count in ends.items() if count > 1}
        for path in paths:
            if path[-length[path] :] in clashing:
                length[path] = min(length[path] + 1, len(path))
    spelled: dict[str, str] = {}
    labels = []
    for folder in folders:
        end = folder[-length[tuple(map(_key, folder))] :] if folder else []
        label = "/".join(end)
        labels.append(spelled.setdefault(_key(label), label))
    return labels
