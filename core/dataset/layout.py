"""Infer classes and splits from the folders of pictures."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.dataset import nesting
from core.dataset.folder_names import Part, Split, divide_name, name_key, nfc, printable, role
from core.dataset.label_files import Labels
from core.dataset.nesting import ClassLevel
from core.dataset.split_folders import Place, is_split, is_unlabelled, parts_of, placed, unwrapped

NO_CLASS = "Not in a class folder. Move it into one."
NO_SPLIT = "Outside the train, validation and test folders. Move it into one of them."
NO_TRAINING = "Its class has no training pictures. Add some, or leave the class out."
UNLABELLED = "In a folder of pictures without labels."
MASK = "A mask of another picture: it marks parts of that."


@dataclass(frozen=True)
class Assignment:
    """Class and split of one picture; with a `reason`, the picture is skipped."""

    label: str = ""
    split: Split | None = None
    reason: str = ""


@dataclass(frozen=True)
class Layout:
    """Classes and splits, as inferred from folders or labels.

    Attributes:
        assignments: of all pictures, in order.
        predefined: whether the folders define the split.
        level: which folders are classes; None where folders are not nested.
        spellings: for each class that is spelled differently in the splits, all its spellings.
        validation_tests: whether the validation pictures became the test set.
        unlabelled: folders beside the classes that were left out as test pictures without labels.
    """

    assignments: tuple[Assignment, ...]
    predefined: bool = False
    level: ClassLevel | None = None
    spellings: tuple[tuple[str, ...], ...] = ()
    validation_tests: bool = False
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
    paths = unwrapped([name.split("/") for name in names])
    for reading in (_by_split_folders, _by_divided_names, _by_training_beside):
        if layout := reading(paths, level):
            return layout
    return _read([Place(path, None, path[:-1]) for path in paths], level)


def _by_split_folders(paths: list[list[str]], level: ClassLevel | None) -> Layout | None:
    """Read `train/cat`, `train/dog` and `test/cat`."""
    places = placed(paths, parts_of(paths))
    return _read(places, level) if is_split(places) else None


def _by_divided_names(paths: list[list[str]], level: ClassLevel | None) -> Layout | None:
    """Read `train_cat`, `train_dog` and `test_cat`."""
    apart = [[*divide_name(path[0]), *path[1:]] if len(path) > 1 else path for path in paths]
    trained = {path[1] for path in apart if path[0] == "train" and len(path) > 1}
    return _by_split_folders(apart, level) if len(trained) > 1 else None


def _by_training_beside(paths: list[list[str]], level: ClassLevel | None) -> Layout | None:
    """Read `cat`, `dog` and `test/cat`, where folders that stand for nothing are for training.

    The others must hold the same class folders, or pictures without labels and no other name.
    """
    parts = parts_of(paths)
    classes = {tuple(path[:-1]) for path, part in zip(paths, parts, strict=True) if not part}
    places = placed(paths, [part or "train" for part in parts])
    flat = {place.path[-2] for place in places if place.has_no_class}
    possible = "train" not in parts and len(classes) > 1 and all(map(is_unlabelled, flat))
    if not possible or not is_split(places):
        return None
    places = [p._replace(part="unlabelled") if p.has_no_class else p for p in places]
    layout = _read(places, level)
    evaluated = zip(layout.assignments, places, strict=True)
    reasons = {a.reason for a, place in evaluated if place.part in ("validation", "test")}
    if reasons == {NO_TRAINING}:  # the folders beside `test` are sites, not classes
        return None
    return replace(layout, unlabelled=tuple(sorted(each for each in flat if role(each) == "test")))


def _read(places: list[Place], level: ClassLevel | None) -> Layout:
    """Infer the classes of pictures, of which the parts are known."""
    folders = [place.below for place in places]
    if any(place.part for place in places):  # what is in no split says nothing about the classes
        left_out = (None, "unlabelled")
        folders = [[] if place.part in left_out else place.below for place in places]
    nested = any(len(folder) > 1 for folder in folders)
    classes = folders if level == "path" else nesting.class_folders(folders)
    inferred_level, sites = nesting.class_level(classes)
    level = (level or inferred_level) if nested else None
    if sites and level == "inner":
        classes = [folder[1:] or folder for folder in classes]
    parts = [place.part for place in places]
    labels, spellings = _merge_spellings(_labels(classes, level), parts)
    return replace(_assign(labels, parts), level=level, spellings=spellings)


def with_labels(
    names: Sequence[str], source: Labels, *, folders: bool = True, typed: bool = True
) -> Layout:
    """Assign labels that are not folders.

    If some pictures are known to be for training, those that are in no split are left out;
    otherwise, they are for training.

    Args:
        names: paths, as in `infer`.
        folders: whether folders with the words of splits define the split of other pictures.
        typed: whether labels were typed, so that spellings of one class may differ.
    """
    labels = [source.labels.get(name, ("", None)) for name in names]
    parts = [part for _, part in labels]
    if folders:
        below = parts_of(unwrapped([name.split("/") for name in names]))
        parts = [part or found for part, found in zip(parts, below, strict=True)]
    needed = {part for (label, _), part in zip(labels, parts, strict=True) if label}
    if None in needed and not any(part for _, part in labels):
        parts = [None] * len(names)
    elif None in needed and "train" not in needed:
        parts = [part or "train" for part in parts]
    merged, spellings = _merge_spellings([printable(label) for label, _ in labels], parts, typed)
    layout = _assign(merged, parts, source.source)
    several = Assignment(reason=f"Several labels in {source.source}. Keep one of them.")
    assignments = [
        several if name in source.contradictions else each
        for name, each in zip(names, layout.assignments, strict=True)
    ]
    return replace(layout, assignments=tuple(assignments), spellings=spellings)


def _assign(labels: list[str], parts: list[Part | None], source: str = "") -> Layout:
    """Decide which pictures are used, and in which split; `source` is empty for folders."""
    pairs = list(zip(labels, parts, strict=True))
    trained = {label for label, part in pairs if label and part in (None, "train")}
    evaluation = {part for label, part in pairs if label in trained} & {"validation", "test"}
    is_divided = any(parts)

    def assign(label: str, part: Part | None) -> Assignment:
        if part == "unlabelled":
            return Assignment(reason=UNLABELLED)
        if is_divided and part is None and (label or not source):
            return Assignment(reason=NO_SPLIT)
        if not label:
            return Assignment(reason=f"Without a label in {source}." if source else NO_CLASS)
        if label not in trained:
            return Assignment(reason=NO_TRAINING)
        if not evaluation:
            return Assignment(label)
        as_test = part == "validation" and "test" not in evaluation
        return Assignment(label, "test" if as_test else part)

    return Layout(
        tuple(assign(*pair) for pair in pairs),
        predefined=bool(evaluation),
        validation_tests=evaluation == {"validation"},
    )


def _labels(folders: list[list[str]], level: ClassLevel | None) -> list[str]:
    name = {
        "path": "/".join,
        "inner": nesting.innermost,
        "top": lambda folder: folder[0],
    }[level or "top"]
    spellings: dict[str, str] = {}
    labels = [printable(name(folder).strip()) or "unnamed" if folder else "" for folder in folders]
    return [spellings.setdefault(nfc(label), label) for label in labels]


def _merge_spellings(
    labels: list[str], parts: list[Part | None], typed: bool = False
) -> tuple[list[str], tuple[tuple[str, ...], ...]]:
    """Give classes that are spelled differently in different splits the name in training.

    Where labels were `typed`, spellings may also differ in one split; single letters may not.
    """
    by_key: defaultdict[str, dict[str, set[Part | None]]] = defaultdict(dict)
    for label, part in zip(labels, parts, strict=True):
        if label:
            by_key[name_key(label)].setdefault(label, set()).add(part)
    renamed: dict[str, str] = {}
    merged = []
    for spellings in by_key.values():
        seen = Counter(part for uses in spellings.values() for part in uses)
        mistyped = typed and min(map(len, spellings)) > 1
        if len(spellings) > 1 and (mistyped or max(seen.values()) == 1):
            names = sorted(spellings, key=lambda name: "train" not in spellings[name])
            renamed |= dict.fromkeys(names[1:], names[0])
            merged.append(tuple(names))
    return [renamed.get(label, label) for label in labels], tuple(merged)
