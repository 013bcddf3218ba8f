"""Checks of the pictures: whether they are readable, distinct, sharp, bright and large enough."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from core import images
from core.archive.inspection import CLOSED, CLUTTER, LINKED_FOLDER
from core.archive.unpacking import OTHER_FILE
from core.checks.check_input import CheckInput
from core.checks.near_duplicates import COMPARABLE
from core.checks.remedies import LEFT_OUT
from core.dataset import repeats, splitting
from core.dataset.findings import Finding, Remedy, blocks, informs, warns
from core.dataset.layout import Split
from core.system.prose import count, listed

TINY = 48  # shorter edge, in pixels
ODD_RATIO = 3  # longer edge to shorter edge
DARK, BRIGHT = 55, 225  # grey levels: 99 % of the pixels below, 95 % above
EMPTY = 4  # grey levels of standard deviation
BLURRED, BLURRED_RATIO = 2.6, 0.12  # of the Laplacian, and of it to the contrast
COMMON = 0.3  # share of the pictures from which a property is normal for the dataset


def same_picture_in_two_classes(data: CheckInput) -> Finding | None:
    """The same picture in two classes: one of the labels is wrong."""
    mixed = _mixed(data, data.duplicates)
    if not mixed:
        return None
    files = _names(data, mixed)
    return blocks(
        "in_two_classes",
        f"{count(len(mixed), 'picture is', 'pictures are')} in two classes at once. "
        "Remove the wrong ones, or leave all of them out.",
        files=files,
        remedy=_leave_out(files),
    )


def similar_pictures_in_two_classes(data: CheckInput) -> Finding | None:
    """Pictures that look the same, in two classes."""
    exact = {frozenset(members) for members in _mixed(data, data.duplicates)}
    mixed = [members for members in _mixed(data, _groups(data)) if frozenset(members) not in exact]
    if not mixed:
        return None
    files = _names(data, mixed)
    return warns(
        "alike_in_two_classes",
        f"{count(len(files))} look the same as one of another class. Check their labels.",
        files=files,
        remedy=_leave_out(files),
    )


def duplicates(data: CheckInput) -> Finding | None:
    """Copies of a picture within a class."""
    surplus = _surplus(data, data.duplicates)
    if not surplus:
        return None
    return warns(
        "copies",
        f"{count(len(surplus), 'picture is a copy', 'pictures are copies')} of another "
        "in the same class, and would count twice.",
        files=_shown(data, data.duplicates, surplus),
        remedy=_leave_out(_names(data, [surplus])),
    )


def near_duplicates(data: CheckInput) -> Finding | None:
    """Pictures that look the same: re-encoded, resized, cropped, turned or framed copies."""
    exact = {index for members in data.duplicates for index in members[1:]}
    groups = [[index for index in members if index not in exact] for members in _groups(data)]
    surplus = _surplus(data, groups)
    if not surplus:
        return None
    return warns(
        "near_copies",
        f"{count(len(surplus), 'picture looks', 'pictures look')} the same as another. "
        "Those that look the same are kept together in training or test.",
        files=_shown(data, groups, surplus),
        remedy=_leave_out(_names(data, [surplus])),
    )


def too_small_to_compare(data: CheckInput) -> Finding | None:
    """Pictures with too little detail for a comparison."""
    small = int((_edges(data)[:, 0] < COMPARABLE).sum())
    if not small:
        return None
    return informs(
        "too_small_to_compare",
        f"{count(small, 'picture is', 'pictures are')} smaller than {COMPARABLE} pixels. Of such "
        "pictures only equal ones are found; changed copies may be in both training and test.",
    )


def leaks(data: CheckInput) -> Finding | None:
    """Pictures of a predefined test or validation set that are also in a set before it.

    Validation pictures are learned from, too, so none of them may be a test picture.
    """
    if not data.dataset.predefined:
        return None
    examples = data.dataset.examples
    order: tuple[Split, ...] = ("train", "validation", "test")
    leaking, earlier = [], []
    for members in splitting.units_of(examples, range(len(examples)), chosen=False):
        present = {examples[index].split for index in members}
        last = next((part for part in order[::-1] if part in present), None)
        if others := [index for index in members if examples[index].split != last]:
            leaking.append(members)
            earlier += others
    if not leaking:
        return None
    held_out = sum(map(len, leaking)) - len(earlier)
    validates = any(examples[index].split == "validation" for index in earlier)
    learned = "training or validation" if validates else "training"
    return warns(
        "leaks",
        f"{count(held_out)} to test or validate on "
        f"{'looks' if held_out == 1 else 'look'} the same as a {learned} picture, so the score "
        f"would be too high. Leave out the {learned} pictures.",
        files=_names(data, leaking),
        remedy=_leave_out(_names(data, [earlier])),
    )


def unreadable(data: CheckInput) -> Finding | None:
    """Files that could not be read, except clutter and files that the visitor left out.

    Files whose names say that they are not pictures, such as tables, do not cause a warning.
    """
    # Other findings report folders.
    expected = CLUTTER, LEFT_OUT, LINKED_FOLDER, CLOSED, repeats.REPEATED, repeats.BY_YEAR
    skipped = [s for s in data.dataset.skipped if s.reason not in expected]
    unread = [s for s in skipped if s.reason != OTHER_FILE]
    names = [s.name for s in skipped if s.reason == OTHER_FILE]
    what = count(len(names), "file is not a picture", "files are not pictures")
    rest = f"{what}: {listed(names)}."
    if not unread:
        return informs("other_files", rest, files=tuple(names)) if names else None
    reason, most = Counter(s.reason for s in unread).most_common(1)[0]
    why = reason if most == len(unread) else f"Most often: {reason}"
    return warns(
        "unreadable",
        # Not “left out”: with those that a remedy excluded, there may be more of them.
        f"{count(len(unread), 'file')} could not be used. {why}" + (f" {rest}" if names else ""),
        files=tuple(s.name for s in skipped),
    )


def formats_and_sizes(data: CheckInput) -> Finding | None:
    """Formats and sizes."""
    examples = data.dataset.examples
    if not examples:
        return None
    formats = Counter(e.format or "other" for e in examples).most_common()
    shapes = sorted((e.width * e.height, e.width, e.height) for e in examples)
    (_, *least), (_, *most) = shapes[0], shapes[-1]
    sizes = f"{least[0]} × {least[1]}"
    if most != least:
        sizes = f"from {sizes} to {most[0]} × {most[1]}"
    each = [f"{number:,} {name}" for name, number in formats]
    names = f"{listed(each, most=len(each))} {'file' if len(examples) == 1 else 'files'}"
    return informs(
        "at_a_glance",
        f"{names}, {sizes} pixels, {sum(e.size for e in examples) / 2**20:.1f} MB.",
    )


def _property(
    code: str, adjective: str, test: Callable[[CheckInput], np.ndarray], data: CheckInput
) -> Finding | None:
    """Pictures that pass a test, which returns (n,) bool; normal if many do."""
    indices = np.flatnonzero(test(data)).tolist()
    if not indices:
        return None
    common = len(indices) > COMMON * len(data.dataset.examples)
    files = _names(data, [indices])
    check = "it shows its class" if len(indices) == 1 else "they show their class"
    advice = "That may be normal for these pictures." if common else f"Check that {check}."
    sentence = f"{count(len(indices), 'picture is', 'pictures are')} {adjective}. {advice}"
    if common:
        return informs(code, sentence, files=files)
    return warns(code, sentence, files=files, remedy=_leave_out(files))


def nearly_black(data: CheckInput) -> Finding | None:
    """Many pictures nearly black, which reading did not stretch: their files have 8 bits."""
    indices = np.flatnonzero(_is_black(data)).tolist()
    if not indices:
        return None
    return warns(
        "black",
        f"{len(indices):,} of {count(len(data.dataset.examples))} are nearly black, so a "
        "model sees little in them. Export them from the camera's files again, all stretched by "
        "the same factor, and do the same with the pictures that you predict.",
        files=_names(data, [indices]),
    )


def _is_black(data: CheckInput) -> np.ndarray:
    """Nearly black pictures, (n,), if they are common; a few are dark or empty ones."""
    black = data.measure("high") < images.BLACK
    return black & (black.sum() > COMMON * len(black))


def _is_empty(data: CheckInput) -> np.ndarray:
    return (data.measure("contrast") < EMPTY) & ~_is_black(data)


def _is_dark(data: CheckInput) -> np.ndarray:
    return (data.measure("high") < DARK) & ~_is_empty(data) & ~_is_black(data)


def _is_blurred(data: CheckInput) -> np.ndarray:
    """Whether a picture has no sharp edges at the resolution of a backbone, (n,)."""
    flat = data.measure("sharpness") < BLURRED_RATIO * data.measure("contrast")
    return (data.measure("sharpness") < BLURRED) & flat & ~_is_empty(data)


def _edges(data: CheckInput) -> np.ndarray:
    """Shorter and longer edge of each picture, (n, 2)."""
    edges = [sorted((e.width, e.height)) for e in data.dataset.examples]
    return np.array(edges, np.int64).reshape(-1, 2)


PROPERTY_CHECKS = tuple(
    partial(_property, code, adjective, test)
    for code, adjective, test in (
        ("dark", "very dark", _is_dark),
        ("bright", "very bright", lambda data: (data.measure("low") > BRIGHT) & ~_is_empty(data)),
        ("empty", "nearly empty", _is_empty),
        ("blurred", "blurred", _is_blurred),
        ("tiny", f"smaller than {TINY} pixels", lambda data: _edges(data)[:, 0] < TINY),
        (
            "odd_shape",
            f"over {ODD_RATIO} times as long as wide or high",
            lambda data: _edges(data)[:, 1] > ODD_RATIO * _edges(data)[:, 0],
        ),
    )
)
"""Checks of single pictures: code of the finding, what its sentence says, and the test."""


def _groups(data: CheckInput) -> list[list[int]]:
    """Indices of the examples of each group with two or more."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, example in enumerate(data.dataset.examples):
        if example.group is not None:
            members[example.group].append(index)
    return [group for group in members.values() if len(group) > 1]


def _mixed(data: CheckInput, groups: Iterable[Sequence[int]]) -> list[Sequence[int]]:
    """Groups with more than one label."""
    examples = data.dataset.examples
    return [group for group in groups if len({examples[index].label for index in group}) > 1]


def _surplus(data: CheckInput, groups: Iterable[Sequence[int]]) -> list[int]:
    """All but the largest picture of each group, class and split."""
    examples = data.dataset.examples
    surplus = []
    for group in groups:
        same: defaultdict[tuple[int, str | None], list[int]] = defaultdict(list)
        for index in group:
            same[examples[index].label, examples[index].split].append(index)
        for members in same.values():
            best = max(
                members, key=lambda index: (examples[index].width * examples[index].height, -index)
            )
            surplus += [index for index in members if index != best]
    return surplus


def _shown(
    data: CheckInput, groups: Iterable[Sequence[int]], surplus: Sequence[int]
) -> tuple[str, ...]:
    """Pictures of the groups with a surplus one, group by group, so that they are side by side."""
    left_out = set(surplus)
    return _names(data, [group for group in groups if left_out & set(group)])


def _names(data: CheckInput, groups: Iterable[Sequence[int]]) -> tuple[str, ...]:
    return tuple(data.dataset.examples[index].name for group in groups for index in group)


def _leave_out(files: tuple[str, ...]) -> Remedy:
    return Remedy(kind="leave_out", label=f"Leave out {count(len(files))}", files=files)
