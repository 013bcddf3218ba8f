"""Checks of the pictures: are they readable, different, sharp, bright and large enough?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from core.archive import CLUTTER
from core.checks.findings import LEFT_OUT, Case, Finding, Remedy, Severity, counted
from core.dataset import splitting

TINY = 48  # shorter edge, in pixels
ODD = 3  # times as long as wide
DARK, BRIGHT = 55, 225  # grey levels: 99 % of the pixels below, 95 % above
EMPTY = 4  # grey levels of standard deviation
BLURRED, BLURRED_RATIO = 2.6, 0.12  # of the Laplacian, and of it to the contrast
USUAL = 0.3  # what is true of more of the pictures than this is how the dataset is


def in_two_classes(case: Case) -> Finding | None:
    """The same picture under two labels: one of them is wrong."""
    torn = _torn(case, case.copies)
    if not torn:
        return None
    files = _names(case, torn)
    return Finding(
        severity=Severity.BLOCKS,
        code="in_two_classes",
        sentence=f"{counted(len(torn))} {'is' if len(torn) == 1 else 'are'} in two classes at "
        "once. Remove the wrong ones, or leave all of them out.",
        files=files,
        remedy=_leave_out(files),
    )


def alike_in_two_classes(case: Case) -> Finding | None:
    """Pictures that look the same under two labels."""
    known = {frozenset(members) for members in _torn(case, case.copies)}
    torn = [members for members in _torn(case, _groups(case)) if frozenset(members) not in known]
    if not torn:
        return None
    files = _names(case, torn)
    return Finding(
        severity=Severity.WARNS,
        code="alike_in_two_classes",
        sentence=f"{counted(len(files))} look the same as one of another class. Check their "
        "labels.",
        files=files,
        remedy=_leave_out(files),
    )


def copies(case: Case) -> Finding | None:
    """The same picture twice in a class."""
    surplus = _surplus(case, case.copies)
    if not surplus:
        return None
    return Finding(
        severity=Severity.WARNS,
        code="copies",
        sentence=f"{counted(len(surplus))} {'is a copy' if len(surplus) == 1 else 'are copies'} "
        "of another in the same class, and would count twice.",
        files=_shown(case, case.copies, surplus),
        remedy=_leave_out(_names(case, [surplus])),
    )


def near_copies(case: Case) -> Finding | None:
    """Pictures that look the same, as re-encoded, resized, cropped or mirrored ones do."""
    exact = {at for members in case.copies for at in members[1:]}
    groups = [[at for at in members if at not in exact] for members in _groups(case)]
    surplus = _surplus(case, groups)
    if not surplus:
        return None
    one = len(surplus) == 1
    return Finding(
        severity=Severity.WARNS,
        code="near_copies",
        sentence=f"{counted(len(surplus))} {'looks' if one else 'look'} the same as another. "
        "Those that look the same stay on one side of the split.",
        files=_shown(case, groups, surplus),
        remedy=_leave_out(_names(case, [surplus])),
    )


def leaks(case: Case) -> Finding | None:
    """Pictures of a given test or validation set that are also trained on."""
    if not case.dataset.predefined:
        return None
    examples = case.dataset.examples
    both, trained = [], []
    for members in _joined(case):
        seen = [at for at in members if examples[at].split == "train"]
        if seen and len(seen) < len(members):
            both.append(members)
            trained += seen
    if not both:
        return None
    held = sum(map(len, both)) - len(trained)
    return Finding(
        severity=Severity.WARNS,
        code="leaks",
        sentence=f"{counted(held)} to be tested on {'looks' if held == 1 else 'look'} the same as "
        "one to learn from, which flatters the score. Leave out the ones to learn from.",
        files=_names(case, both),
        remedy=_leave_out(_names(case, [trained])),
    )


def dark(case: Case) -> Finding | None:
    """Pictures in which next to nothing is bright."""
    levels, contrast = case.measures[:, 0], case.measures[:, 2]
    return _trait(case, "dark", (levels < DARK) & (contrast >= EMPTY), "very dark")


def bright(case: Case) -> Finding | None:
    """Pictures in which next to nothing is dark."""
    levels, contrast = case.measures[:, 1], case.measures[:, 2]
    return _trait(case, "bright", (levels > BRIGHT) & (contrast >= EMPTY), "very bright")


def empty(case: Case) -> Finding | None:
    """Pictures of a single tone."""
    return _trait(case, "empty", case.measures[:, 2] < EMPTY, "nearly empty")


def blurred(case: Case) -> Finding | None:
    """Pictures without sharp edges at the size that a backbone sees."""
    contrast, detail = case.measures[:, 2], case.measures[:, 3]
    soft = (detail < BLURRED) & (detail < BLURRED_RATIO * contrast)
    return _trait(case, "blurred", soft & (contrast >= EMPTY), "blurred")


def tiny(case: Case) -> Finding | None:
    """Pictures with far fewer pixels than a backbone takes."""
    small = np.array([min(e.width, e.height) < TINY for e in case.dataset.examples], bool)
    return _trait(case, "tiny", small, f"smaller than {TINY} pixels")


def odd_shape(case: Case) -> Finding | None:
    """Long strips, of which the centre square shows little."""
    odd = [max(e.width, e.height) > ODD * min(e.width, e.height) for e in case.dataset.examples]
    return _trait(
        case, "odd_shape", np.array(odd, bool), f"over {ODD} times as long as wide or high"
    )


def unreadable(case: Case) -> Finding | None:
    """Files that were left out, apart from clutter and what the visitor left out."""
    lost = [s for s in case.dataset.skipped if s.reason not in (CLUTTER, LEFT_OUT)]
    if not lost:
        return None
    reason, most = Counter(skipped.reason for skipped in lost).most_common(1)[0]
    why = reason if most == len(lost) else f"Most often: {reason}"
    return Finding(
        severity=Severity.WARNS,
        code="unreadable",
        sentence=f"{counted(len(lost), 'file was', 'files were')} left out. {why}",
        files=tuple(skipped.name for skipped in lost),
    )


def at_a_glance(case: Case) -> Finding | None:
    """Formats and sizes."""
    examples = case.dataset.examples
    if not examples:
        return None
    formats = Counter(e.format or "other" for e in examples).most_common()
    shapes = sorted((e.width * e.height, e.width, e.height) for e in examples)
    (_, *least), (_, *most) = shapes[0], shapes[-1]
    sizes = f"{least[0]} × {least[1]}"
    if most != least:
        sizes = f"from {sizes} to {most[0]} × {most[1]}"
    names = " and ".join(f"{count:,} {name}" for name, count in formats)
    return Finding(
        severity=Severity.INFORMS,
        code="at_a_glance",
        sentence=f"{names}, {sizes} pixels, {sum(e.size for e in examples) / 2**20:.1f} MB.",
    )


def _trait(case: Case, code: str, true_of: np.ndarray, what: str) -> Finding | None:
    places = np.flatnonzero(true_of).tolist()
    if not places:
        return None
    usual = len(places) > USUAL * len(case.dataset.examples)
    one = len(places) == 1
    files = _names(case, [places])
    check = "Look whether it shows its class." if one else "Look whether they show their class."
    tail = "That may be how these pictures are." if usual else check
    return Finding(
        severity=Severity.INFORMS if usual else Severity.WARNS,
        code=code,
        sentence=f"{counted(len(places), 'picture is', 'pictures are')} {what}. {tail}",
        files=files,
        remedy=None if usual else _leave_out(files),
    )


def _groups(case: Case) -> list[list[int]]:
    """Places of examples that share a group."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for at, example in enumerate(case.dataset.examples):
        if example.group is not None:
            members[example.group].append(at)
    return [group for group in members.values() if len(group) > 1]


def _joined(case: Case) -> list[list[int]]:
    """Places of examples that are copies or look the same."""
    return splitting.units(case.dataset.examples, range(len(case.dataset.examples)))


def _torn(case: Case, groups: Iterable[Sequence[int]]) -> list[Sequence[int]]:
    """Groups with more than one label."""
    examples = case.dataset.examples
    return [group for group in groups if len({examples[at].label for at in group}) > 1]


def _surplus(case: Case, groups: Iterable[Sequence[int]]) -> list[int]:
    """All but the largest picture of each group, class and part."""
    examples = case.dataset.examples
    surplus = []
    for group in groups:
        alike: defaultdict[tuple[int, str | None], list[int]] = defaultdict(list)
        for at in group:
            alike[examples[at].label, examples[at].split].append(at)
        for members in alike.values():
            best = max(members, key=lambda at: (examples[at].width * examples[at].height, -at))
            surplus += [at for at in members if at != best]
    return surplus


def _shown(case: Case, groups: Iterable[Sequence[int]], surplus: Sequence[int]) -> tuple[str, ...]:
    """Groups with something surplus, each in a row, so that its pictures stand side by side."""
    gone = set(surplus)
    return _names(case, [group for group in groups if gone & set(group)])


def _names(case: Case, groups: Iterable[Sequence[int]]) -> tuple[str, ...]:
    return tuple(case.dataset.examples[at].name for group in groups for at in group)


def _leave_out(files: tuple[str, ...]) -> Remedy:
    return Remedy(kind="leave_out", label=f"Leave out {counted(len(files))}", files=files)
