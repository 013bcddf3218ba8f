"""Infer classes and splits from the folders of pictures."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.dataset import nesting
from core.dataset.folder_names import divided, is_generic, key, normal, printable, role, words_of
from core.dataset.nesting import ClassLevel

Split = Literal["train", "validation", "test"]

NO_CLASS = "Not in a class folder. Move it into one."
NO_SPLIT = "Outside the train, validation and test folders. Move it into one of them."
NO_TRAINING = "Its class has no training pictures. Add some, or leave the class out."
UNLABELLED = "In a folder of pictures without labels."
REPEATED = "In a folder that only repeats the pictures of the class folders."
BY_YEAR = "In a folder of a year, beside the albums. Put it into a class folder if it is in none."
MASK = "A mask of another picture: it marks parts of that."


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
        level: which folders are classes; None where folders are not nested.
        spellings: for each class that is spelled differently in the splits, all its spellings.
        unlabelled: folders beside the classes that were left out as test pictures without labels.
    """

    assignments: tuple[Assignment, ...]
    predefined: bool = False
    level: ClassLevel | None = None
    spellings: tuple[tuple[str, ...], ...] = ()
    unlabelled: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted({a.label for a in self.assignments if not a.reason}))


def infer(names: Sequence[str], level: ClassLevel | None = None) -> Layout:
    """Infer the class of each picture, and its split if the folders define one.

    Top folders that contain everything are ignored, also where they are nested in themselves.
    Folders with the words of a split in their names (`train`, `seg_test`, `Validation_set`) define
    the split if they hold the same class folders; without test pictures, the validation pictures
    become the test set. Where classes have subfolders, `level` says which folders are classes.
    Without it, subfolders are classes if their names differ and describe something; if the names
    repeat, or are dates or numbers, subfolders belong to the class above them. Names are compared
    in Unicode's composed form and keep their first spelling.

    Args:
        names: paths with `/` between folders and none at the start.
    """
    paths = _unwrap([name.split("/") for name in names])
    roles = _roles(paths)
    if not _is_split(paths, roles):
        apart = [[*divided(path[0]), *path[1:]] if len(path) > 1 else path for path in paths]
        trained = {path[1] for path in apart if path[0] == "train" and len(path) > 1}
        is_split = len(trained) > 1
        if is_split and _is_split(apart, _roles(apart)):  # `train_cat`, `train_dog`, `test_cat`
            paths = apart
        else:
            beside, unlabelled = _training_beside(paths, roles)
            found = _read(paths, beside, level)
            evaluated = zip(found.assignments, beside, strict=True)
            reasons = {a.reason for a, part in evaluated if part in ("validation", "test")}
            # Sites beside `test` are no classes of its pictures.
            if any(beside) and reasons != {NO_TRAINING}:
                return replace(found, unlabelled=unlabelled)
            roles = [None] * len(paths)
    return _read(paths, roles, level)


def _read(paths: list[list[str]], roles: list[str | None], level: ClassLevel | None) -> Layout:
    """Infer the classes of paths, of which the roles are known."""
    folders = _below(paths, roles)
    if any(roles):  # what is in no split says nothing about the classes
        left_out = (None, "unlabelled")
        folders = [
            [] if found in left_out else below for below, found in zip(folders, roles, strict=True)
        ]
    nested = any(len(folder) > 1 for folder in folders)
    classes = folders if level == "path" else nesting.class_folders(folders)
    found, sites = nesting.class_level(classes)
    level = (level or found) if nested else None
    if sites and level == "inner":
        classes = [folder[1:] or folder for folder in classes]
    labels, spellings = _merge_spellings(_labels(classes, level), roles)
    return _assign(labels, roles, level, spellings)


def with_labels(
    names: Sequence[str],
    labels: Sequence[tuple[str, str]],
    source: str,
    contradictions: Collection[str] = (),
    *,
    folders: bool = True,
    typed: bool = True,
) -> Layout:
    """Assign labels that are not folders.

    If some pictures are known to be for training, those that are in no split are left out;
    otherwise, they are for training.

    Args:
        names: paths, as in `infer`.
        labels: class and split of each picture; either may be empty.
        contradictions: pictures that have several labels there.
        folders: whether folders with the words of splits define that of the other pictures.
        typed: whether labels were typed, so that spellings of one class may differ.
    """
    below = _roles(_unwrap([name.split("/") for name in names])) if folders else [""] * len(names)
    roles = [split or found or None for (_, split), found in zip(labels, below, strict=True)]
    needed = {found for (label, _), found in zip(labels, roles, strict=True) if label}
    if None in needed and not any(split for _, split in labels):
        roles = [None] * len(names)
    elif None in needed and "train" not in needed:
        roles = [found or "train" for found in roles]
    merged, spellings = _merge_spellings([printable(label) for label, _ in labels], roles, typed)
    layout = _assign(merged, roles, None, spellings, source)
    several = Assignment(reason=f"Several labels in {source}. Keep one of them.")
    assignments = [
        several if name in contradictions else each
        for name, each in zip(names, layout.assignments, strict=True)
    ]
    return replace(layout, assignments=tuple(assignments))


def _assign(
    labels: list[str],
    roles: list[str | None],
    level: ClassLevel | None,
    spellings: tuple[tuple[str, ...], ...],
    source: str = "",
) -> Layout:
    """Decide which pictures are used, and in which split; `source` is empty for folders."""
    pairs = list(zip(labels, roles, strict=True))
    trained = {label for label, found in pairs if label and found in (None, "train")}
    evaluation = {found for label, found in pairs if label in trained} & {"validation", "test"}
    assignments = []
    for label, found in pairs:
        split: Split | None = None
        reason = ""
        if found == "unlabelled":
            reason = UNLABELLED
        elif any(roles) and found is None and (label or not source):
            reason = NO_SPLIT
        elif not label:
            reason = f"Without a label in {source}." if source else NO_CLASS
        elif label not in trained:
            reason = NO_TRAINING
        elif evaluation:
            as_test = found == "validation" and "test" not in evaluation
            split = "test" if as_test else found  # type: ignore[assignment]
        assignments.append(Assignment("" if reason else label, split, reason))
    return Layout(tuple(assignments), bool(evaluation), level, spellings)


def _unwrap(paths: list[list[str]]) -> list[list[str]]:
    """Remove the top folders that contain everything, and their repetitions further down."""
    while paths and len({normal(path[0]) for path in paths}) == 1 and _has_subfolders(paths):
        top = normal(paths[0][0])
        paths = [path[1:] for path in paths]
        if any(len(path) > 2 and normal(path[0]) == top for path in paths):
            paths = [
                path[1:] if len(path) > 2 and normal(path[0]) == top else path for path in paths
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


def _below(paths: list[list[str]], roles: list[str | None]) -> list[list[str]]:
    """The folders of paths without those that stand for their roles.

    Beside other class folders, the last one is a class: `train/steam train` beside `train/tram`.
    """
    below = [
        [folder for folder in path[:-1] if path_role is None or role(folder) != path_role]
        for path, path_role in zip(paths, roles, strict=True)
    ]
    classed = {path_role for path_role, folder in zip(roles, below, strict=True) if folder}
    return [
        folder or (path[-2:-1] if path_role in classed and len(path) > 2 else [])
        for path, path_role, folder in zip(paths, roles, below, strict=True)
    ]


def _is_split(paths: list[list[str]], roles: list[str | None]) -> bool:
    """Whether folders with the words of splits are splits; a class may be named `train`, too."""
    classes: defaultdict[str | None, set[str]] = defaultdict(set)
    for below, path_role in zip(_below(paths, roles), roles, strict=True):
        classes[path_role] |= {key(folder) for folder in below} if below else {""}
    trained = classes["train"] - {""}
    if not trained or len(classes) < 2:
        return False
    tops: defaultdict[str | None, set[str]] = defaultdict(set)
    for path, path_role in zip(paths, roles, strict=True):
        tops[path_role].add(path[0])
    # `extra` beside `train` is left out; `bus` beside it, or `sandals` beside `training shoes`, is
    # a class.
    leftover = len(tops[None]) == 1 and all(map(is_generic, tops[None]))
    leftover &= all(role(top) and len(divided(top)) == 1 for top in tops["train"])
    possible = ("validation", "test", None) if leftover else ("validation", "test")
    shared = any(trained & classes[split] for split in possible)
    flat = any("" in classes[split] for split in ("validation", "test"))
    return shared or flat or ("unlabelled" in classes and None not in classes)


def _training_beside(
    paths: list[list[str]], roles: list[str | None]
) -> tuple[list[str | None], tuple[str, ...]]:
    """Roles if folders without one are for training, and folders without labels: `cat` and `test`.

    The others must hold the same class folders, or pictures without labels and no other name.
    Otherwise, there are no roles.
    """
    completed: list[str | None] = [found or "train" for found in roles]
    classes = {tuple(path[:-1]) for path, found in zip(paths, roles, strict=True) if not found}
    below = _below(paths, completed)
    flat = {path[-2] for path, folder in zip(paths, below, strict=True) if not folder and path[:-1]}
    plain = "train" not in roles and len(classes) > 1 and all(map(_is_unlabelled, flat))
    if not plain or not _is_split(paths, completed):
        return [None] * len(paths), ()
    completed = [
        found if folder or not path[:-1] else "unlabelled"
        for found, folder, path in zip(completed, below, paths, strict=True)
    ]
    return completed, tuple(sorted(folder for folder in flat if role(folder) == "test"))


def _is_unlabelled(folder: str) -> bool:
    """Whether a name can only mean pictures without labels: not `blood test`, `eval`, `prueba`."""
    first, *rest = words_of(folder) or [""]
    test = first in ("test", "testing") and all(map(is_generic, rest))
    return test or (role(folder) == "unlabelled" and "label" in folder.casefold())


def _labels(folders: list[list[str]], level: ClassLevel | None) -> list[str]:
    name = {
        "path": "/".join,
        "inner": nesting.innermost,
        "top": lambda folder: folder[0],
    }[level or "top"]
    spellings: dict[str, str] = {}
    labels = [printable(name(folder).strip()) or "unnamed" if folder else "" for folder in folders]
    return [spellings.setdefault(normal(label), label) for label in labels]


def _merge_spellings(
    labels: list[str], roles: list[str | None], typed: bool = False
) -> tuple[list[str], tuple[tuple[str, ...], ...]]:
    """Give classes that are spelled differently in different splits the name in training.

    Where labels were `typed`, spellings may also differ in one split; single letters may not.
    """
    by_key: defaultdict[str, dict[str, set[str | None]]] = defaultdict(dict)
    for label, path_role in zip(labels, roles, strict=True):
        if label:
            by_key[key(label)].setdefault(label, set()).add(path_role)
    renamed: dict[str, str] = {}
    merged = []
    for spellings in by_key.values():
        seen = Counter(found for uses in spellings.values() for found in uses)
        mistyped = typed and min(map(len, spellings)) > 1
        if len(spellings) > 1 and (mistyped or max(seen.values()) == 1):
            names = sorted(spellings, key=lambda name: "train" not in spellings[name])
            renamed |= dict.fromkeys(names[1:], names[0])
            merged.append(tuple(names))
    return [renamed.get(label, label) for label in labels], tuple(merged)
