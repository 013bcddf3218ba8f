"""Find folders that stand for parts of a split, such as `train` and `test`."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from core.dataset.folder_names import Part, divide_name, is_generic, name_key, nfc, role, words_of

_UNLABELLED = {"unlabeled", "unlabelled", "unsorted"}


class Place(NamedTuple):
    """Where a picture is.

    Attributes:
        path: its folders and its file.
        part: what the folders stand for, if anything.
        below: the folders without those that stand for the part.
    """

    path: list[str]
    part: Part | None
    below: list[str]

    @property
    def has_no_class(self) -> bool:
        """Whether it is directly in a folder that stands for a part."""
        return len(self.path) > 1 and not self.below


def unwrapped(paths: list[list[str]]) -> list[list[str]]:
    """Paths without the top folders that contain everything, and their repetitions further down."""
    while paths and len({nfc(path[0]) for path in paths}) == 1 and _has_subfolders(paths):
        top = nfc(paths[0][0])
        paths = [path[1:] for path in paths]
        if any(len(path) > 2 and nfc(path[0]) == top for path in paths):
            paths = [path[1:] if len(path) > 2 and nfc(path[0]) == top else path for path in paths]
    return paths


def _has_subfolders(paths: list[list[str]]) -> bool:
    """Whether the top folder contains folders. Without them it is a class, so it must stay."""
    return all(len(path) > 1 for path in paths) and any(len(path) > 2 for path in paths)


def parts_of(paths: list[list[str]]) -> list[Part | None]:
    """The part of each path: that of the first of its folders that stands for one.

    `train/unlabeled` is a class only beside a single other one. If all pictures are in `unsorted`,
    it says nothing.
    """
    known = cache(role)
    classes = {folder.casefold() for path in paths for folder in path[1:-1]}
    unlabelled = _UNLABELLED if len(classes - _UNLABELLED) > 1 else set()
    parts: list[Part | None] = [
        next(filter(None, map(known, path[:-1])), None)
        if unlabelled.isdisjoint(map(str.casefold, path[:-1]))
        else "unlabelled"
        for path in paths
    ]
    return [None] * len(paths) if set(parts) == {"unlabelled"} else parts


def placed(paths: list[list[str]], parts: Sequence[Part | None]) -> list[Place]:
    """Pictures with the folders that do not stand for their parts.

    Beside other class folders, the last one is a class: `train/steam train` beside `train/tram`.
    """
    places = [
        Place(path, part, [folder for folder in path[:-1] if part is None or role(folder) != part])
        for path, part in zip(paths, parts, strict=True)
    ]
    classed = {place.part for place in places if place.below}
    return [
        place._replace(below=place.path[-2:-1])
        if not place.below and place.part in classed and len(place.path) > 2
        else place
        for place in places
    ]


def is_split(places: list[Place]) -> bool:
    """Whether folders with the words of splits are splits; a class may be named `train`, too."""
    classes: defaultdict[Part | None, set[str]] = defaultdict(set)
    for place in places:
        classes[place.part].update(map(name_key, place.below) if place.below else [""])
    if not any(classes["train"]):
        return False
    in_training = classes["train"] - {""}
    evaluation = classes["validation"] | classes["test"]
    return (
        not in_training.isdisjoint(evaluation)
        or (_leaves_a_rest(places) and not in_training.isdisjoint(classes[None]))
        or "" in evaluation  # pictures directly in a folder for validation or test
        or (bool(classes["unlabelled"]) and not classes[None])
    )


def _leaves_a_rest(places: list[Place]) -> bool:
    """Whether what is in no part is a folder that is left out, not a class.

    `extra` beside `train` is left out; `bus` beside it, or `sandals` beside `training shoes`, is a
    class.
    """
    rest = {place.path[0] for place in places if place.part is None}
    training = {place.path[0] for place in places if place.part == "train"}
    named_after_training = all(role(top) and len(divide_name(top)) == 1 for top in training)
    return len(rest) == 1 and all(map(is_generic, rest)) and named_after_training


def is_unlabelled(folder: str) -> bool:
    """Whether a name can only mean pictures without labels: not `blood test`, `eval`, `prueba`,
    `unsorted waste`."""
    first, *rest = words_of(folder) or [""]
    test = first in ("test", "testing") and all(map(is_generic, rest))
    test |= "testset" in (first, *rest)
    says_so = any(word in folder.casefold() for word in ("label", "sort"))
    is_unlabelled = role(folder) == "unlabelled" and all(map(is_generic, divide_name(folder)[1:]))
    return test or (says_so and is_unlabelled)
