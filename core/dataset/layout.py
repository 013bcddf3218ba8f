"""Infer classes and splits from the folders of pictures."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test"]
Reading = Literal["top", "inner", "path"]
"""Which folders name the classes where folders are nested: the outermost, the innermost, or all."""

# Words of a folder's name. A folder of `unlabelled` pictures is left out.
_WORDS = {
    "train": "train training trainset trainval trn",
    "validation": "val valid validation validate valset dev",
    "test": "test testing testset tst eval evaluation holdout",
    "unlabelled": "pred predict prediction predictions unlabeled unlabelled submission",
}
_ROLES = {word: role for role, words in _WORDS.items() for word in words.split()}
# Words of folders that say nothing about what is in their pictures.
_GENERIC = """
images image imgs img pictures picture pics pic photos photo jpg jpeg png data dataset raw
original originals more new old other extra misc part batch session day take shot frame frames
folder set group site patient camera cam device user subject scan slide series copy color colour
gray grey grayscale greyscale rgb segmented cropped crop augmented resized jan feb mar apr may
jun jul aug sep oct nov dec
"""
_COPY = re.compile(r"(\s*-\s*copy(\s*\(\d+\))?|[\s_]copy[\s_]?\d*|\s*\(\d+\))$", re.IGNORECASE)

NO_CLASS = "Not in a class folder. Move it into one."
NO_SPLIT = "Outside the train, validation and test folders. Move it into one of them."
NO_TRAINING = "Its class has no training pictures. Add some, or leave the class out."
UNLABELLED = "In a folder of pictures without labels."


@dataclass(frozen=True)
class Assignment:
    """Class and split of one picture; with a `reason`, the picture is skipped."""

    label: str = ""
    split: Split | None = None
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """How folders were read.

    Attributes:
        assignments: of all pictures, in order.
        predefined: whether the folders define the split.
        reading: which folders are classes; None where folders are not nested.
        spellings: for each class that is spelled differently in the splits, all its spellings.
    """

    assignments: tuple[Assignment, ...]
    predefined: bool = False
    reading: Reading | None = None
    spellings: tuple[tuple[str, ...], ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({a.label for a in self.assignments if not a.reason}))


def infer(names: Sequence[str], reading: Reading | None = None) -> Layout:
    """Infer the class of each picture, and its split if the folders define one.

    Top folders that contain everything are ignored, also where they are nested in themselves.
    Folders with the words of a split in their names (`train`, `seg_test`, `Validation_set`) define
    the split if they hold the same class folders; without test pictures, the validation pictures
    become the test set. Where classes have subfolders, `reading` says which folders are classes.
    Without it, subfolders are classes if their names differ and describe something; if the names
    repeat, or are dates or numbers, subfolders belong to the class above them. Names are compared
    in Unicode's composed form and keep their first spelling.

    Args:
        names: paths with `/` between folders and none at the start.
    """
    paths = _unwrap([name.split("/") for name in names])
    roles = _roles(paths)
    if not _is_split(paths, roles):
        roles = [None] * len(paths)
    folders = [_below(path, role) for path, role in zip(paths, roles, strict=True)]
    nested = any(len(folder) > 1 for folder in folders)
    classes = folders if reading == "path" else _class_folders(folders)
    reading = (reading or _reading(classes)) if nested else None
    labels, spellings = _merge_spellings(_labels(classes, reading), roles)
    return _assign(labels, roles, reading, spellings)


def with_labels(names: Sequence[str], labels: Sequence[tuple[str, str]], source: str) -> Layout:
    """Assign labels that are not folders; folders with the words of splits still define a split.

    Args:
        names: paths, as in `infer`.
        labels: class and split of each picture; either may be empty.
        source: of the labels, for messages.
    """
    folders = _roles(_unwrap([name.split("/") for name in names]))
    roles = [split or folder for (_, split), folder in zip(labels, folders, strict=True)]
    if not all(roles):
        roles = [None] * len(names)
    merged, spellings = _merge_spellings([printable(label) for label, _ in labels], roles)
    return _assign(merged, roles, None, spellings, f"Without a label in {source}.")


def _assign(
    labels: list[str],
    roles: list[str | None],
    reading: Reading | None,
    spellings: tuple[tuple[str, ...], ...],
    no_class: str = NO_CLASS,
) -> Layout:
    """Decide which pictures are used, and in which split."""
    pairs = list(zip(labels, roles, strict=True))
    trained = {label for label, found in pairs if label and found in (None, "train")}
    evaluation = {found for label, found in pairs if label in trained} & {"validation", "test"}
    assignments = []
    for label, found in pairs:
        split: Split | None = None
        reason = ""
        if any(roles) and found is None:
            reason = NO_SPLIT
        elif found == "unlabelled":
            reason = UNLABELLED
        elif not label:
            reason = no_class
        elif label not in trained:
            reason = NO_TRAINING
        elif evaluation:
            as_test = found == "validation" and "test" not in evaluation
            split = "test" if as_test else found  # type: ignore[assignment]
        assignments.append(Assignment("" if reason else label, split, reason))
    return Layout(tuple(assignments), bool(evaluation), reading, spellings)


def role(folder: str) -> str | None:
    """What the words of a folder's name stand for: a split, `unlabelled`, or None."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", folder))
    found = {_ROLES.get(word.casefold()) for word in words} - {None}
    if found == {"train", "validation"}:
        return "train"
    return found.pop() if len(found) == 1 else None


def is_generic(folder: str) -> bool:
    """Whether a name says nothing about the pictures: a number, a date, `images`, `part 2`."""
    words = re.findall(r"[^\W\d_]+", folder.casefold())
    numbered = any(sign.isdigit() for sign in folder)
    return all(word in _GENERIC.split() or (numbered and len(word) == 1) for word in words)


def printable(label: str) -> str:
    """A class name on one line: line breaks, control signs and stray surrogates become spaces."""
    plain = "".join(
        " " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in label
    )
    return label if plain == label else " ".join(plain.split()) or "unnamed"


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _key(label: str) -> str:
    """What spellings of the same name have in common."""
    return re.sub(r"[\s_-]+", " ", _normal(label).casefold()).strip()


def _unwrap(paths: list[list[str]]) -> list[list[str]]:
    """Remove the top folders that contain everything, and their repetitions further down."""
    while paths and len({_normal(path[0]) for path in paths}) == 1 and _has_subfolders(paths):
        top = _normal(paths[0][0])
        paths = [path[1:] for path in paths]
        if any(len(path) > 2 and _normal(path[0]) == top for path in paths):
            paths = [
                path[1:] if len(path) > 2 and _normal(path[0]) == top else path for path in paths
            ]
    return paths


def _has_subfolders(paths: list[list[str]]) -> bool:
    """Whether the top folder contains folders; one without is a class and must stay."""
    return all(len(path) > 1 for path in paths) and any(len(path) > 2 for path in paths)


def _roles(paths: list[list[str]]) -> list[str | None]:
    """The role of each path: that of the first of its folders that has one."""
    known: dict[str, str | None] = {}
    for path in paths:
        for folder in path[:-1]:
            if folder not in known:
                known[folder] = role(folder)
    return [next(filter(None, (known[folder] for folder in path[:-1])), None) for path in paths]


def _below(path: list[str], path_role: str | None) -> list[str]:
    """The folders of a path without those that stand for its role."""
    if path_role is None:
        return path[:-1]
    return [folder for folder in path[:-1] if role(folder) != path_role]


def _is_split(paths: list[list[str]], roles: list[str | None]) -> bool:
    """Whether folders with the words of splits are splits; a class may be named `train`, too."""
    classes: defaultdict[str | None, set[str]] = defaultdict(set)
    for path, path_role in zip(paths, roles, strict=True):
        below = _below(path, path_role)
        classes[path_role] |= {_key(folder) for folder in below} if below else {""}
    trained = classes["train"] - {""}
    if not trained or len(classes) < 2:
        return False
    shared = any(trained & classes[split] for split in ("validation", "test"))
    flat = any("" in classes[split] for split in ("validation", "test"))
    return shared or flat or ("unlabelled" in classes and None not in classes)


def _class_folders(folders: list[list[str]]) -> list[list[str]]:
    """Cut each path after its first folder that has pictures: subfolders belong to that class."""
    direct = {tuple(map(_normal, folder)) for folder in folders}

    def cut(folder: list[str]) -> list[str]:
        normal = tuple(map(_normal, folder))
        return next((folder[:n] for n in range(1, len(folder)) if normal[:n] in direct), folder)

    return [cut(folder) for folder in folders]


def _reading(folders: list[list[str]]) -> Reading:
    """Which folders are the classes."""
    below: defaultdict[str, set[str]] = defaultdict(set)
    for folder in folders:
        if folder:
            below[_key(folder[0])] |= {_key(_innermost(folder))} - {_key(folder[0])}
    counts = Counter(name for names in below.values() for name in names)
    if not counts:
        return "top"
    if max(counts.values()) > 1:
        # Repeated subfolders are the classes if the folders above are sites, parts or copies.
        unnamed = sum(map(is_generic, below)) * 2 > len(below)
        copies = len({_COPY.sub("", top) for top in below}) < len(below)
        return "inner" if unnamed or copies else "top"
    return "inner"


def _innermost(folder: list[str]) -> str:
    """The last folder whose name is not generic; the first folder if there is none."""
    return next((name for name in reversed(folder) if not is_generic(name)), folder[0])


def _labels(folders: list[list[str]], reading: Reading | None) -> list[str]:
    name = {
        "path": "/".join,
        "inner": _innermost,
        "top": lambda folder: folder[0],
    }[reading or "top"]
    spellings: dict[str, str] = {}
    labels = [printable(name(folder)) if folder else "" for folder in folders]
    return [spellings.setdefault(_normal(label), label) for label in labels]


def _merge_spellings(
    labels: list[str], roles: list[str | None]
) -> tuple[list[str], tuple[tuple[str, ...], ...]]:
    """Give classes that are spelled differently in different splits the name in training."""
    by_key: defaultdict[str, dict[str, set[str | None]]] = defaultdict(dict)
    for label, path_role in zip(labels, roles, strict=True):
        if label:
            by_key[_key(label)].setdefault(label, set()).add(path_role)
    renamed: dict[str, str] = {}
    merged = []
    for spellings in by_key.values():
        seen = Counter(found for uses in spellings.values() for found in uses)
        if len(spellings) > 1 and max(seen.values()) == 1:
            names = sorted(spellings, key=lambda name: "train" not in spellings[name])
            renamed |= dict.fromkeys(names[1:], names[0])
            merged.append(tuple(names))
    return [renamed.get(label, label) for label in labels], tuple(merged)
