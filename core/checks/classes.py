"""Checks of the classes: whether there are enough, with enough pictures each."""

import re
import unicodedata
from collections import defaultdict

import numpy as np

from core.checks.check_input import CheckInput
from core.dataset import Dataset
from core.dataset.findings import Finding, Remedy, blocks, warns
from core.dataset.folder_names import COPY, NAMED_COPY
from core.system.prose import count, listed

MINIMUM_PER_CLASS = 3  # pictures per class: one for each split
FEW = 20  # with fewer a class is learned and scored poorly
SHORTEST_NOUN = 3  # letters of the singular of a plural
IMBALANCE = 3  # ratio of the largest class to the smallest


def at_least_two_classes(data: CheckInput) -> Finding | None:
    """Fewer than two classes."""
    if len(data.dataset.classes) >= 2:
        return None
    return blocks(
        "two_classes",
        "At least two classes are needed. Add pictures of another class.",
    )


def too_few_pictures(data: CheckInput) -> Finding | None:
    """Classes with fewer pictures than there are splits."""
    small = _with_counts(data.dataset, 0, MINIMUM_PER_CLASS)
    if not small:
        return None
    return blocks(
        "too_few",
        f"At least {MINIMUM_PER_CLASS} pictures per class are needed; {listed(small)} "
        f"{'has' if len(small) == 1 else 'have'} fewer. Add some, or leave the class out.",
        files=tuple(
            example.name
            for example in data.dataset.examples
            if data.dataset.classes[example.label] in small
        ),
        remedy=Remedy(
            kind="leave_out",
            label=f"Leave out {count(len(small), 'class', 'classes')}",
            classes=tuple(small),
        ),
    )


def few_pictures(data: CheckInput) -> Finding | None:
    """Classes with so few pictures that their scores say little."""
    small = _with_counts(data.dataset, MINIMUM_PER_CLASS, FEW)
    if not small:
        return None
    pictures = "training pictures" if data.dataset.predefined else "pictures"
    return warns(
        "few",
        f"{listed(small)} {'has' if len(small) == 1 else 'have'} fewer than {FEW} {pictures}, "
        "so scores will be uncertain. Add some if you can.",
    )


def untested(data: CheckInput) -> Finding | None:
    """Classes that a predefined split does not test."""
    if not data.dataset.predefined:
        return None
    tested = {example.label for example in data.dataset.of("test")}
    names = [name for label, name in enumerate(data.dataset.classes) if label not in tested]
    if not names:
        return None
    return warns(
        "untested",
        f"There are no test pictures of {listed(names)}, so the score says nothing about "
        f"{'it' if len(names) == 1 else 'them'}. Add some if you can.",
    )


def imbalance(data: CheckInput) -> Finding | None:
    """Classes of very different sizes."""
    counts = _counts(data.dataset)
    if len(counts) < 2 or max(counts) < IMBALANCE * max(min(counts), 1):
        return None
    most, least = int(np.argmax(counts)), int(np.argmin(counts))
    names = data.dataset.classes
    return warns(
        "imbalance",
        f"{names[most]} has {counts[most] / max(counts[least], 1):.0f} times as many "
        f"pictures as {names[least]} ({counts[most]:,} and {counts[least]:,}). Rare classes will "
        "be given more weight while learning.",
    )


def similar_names(data: CheckInput) -> Finding | None:
    """Classes whose names differ only in their spelling, a plural or the folder above them."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for name in data.dataset.classes:
        by_name[_spelling(name)].append(name)
    for plural in sorted(by_name, key=len, reverse=True):
        singular = next((s for s in _singulars(plural) if s in by_name), None)
        if singular:
            by_name[singular] += by_name.pop(plural)
    same = [names for names in by_name.values() if len(names) > 1]
    if not same:
        return None
    # Classes that are merged unasked come first.
    same.sort(key=lambda names: len({NAMED_COPY.sub("", name).casefold() for name in names}))
    first = same[0]
    pairs = [" = ".join(names) for names in same]
    return warns(
        "similar_names",
        f"Nearly the same name: {listed(pairs)}. Merge them if they are one class.",
        remedy=Remedy(kind="merge", label=f"Merge into {first[0]}", classes=tuple(first)),
    )


def _spelling(name: str) -> str:
    """A key that is equal for spellings of a name: `Black-cat.` and ` black cat - Copy`.

    Accents and signs of numbers are kept: `Bär` is not `bar`, `か` not `が`, and `-5` not `5`.
    Characters of another width count as the same, and those that cannot be seen do not count.
    """
    name = unicodedata.normalize("NFKC", COPY.sub("", name.rsplit("/", maxsplit=1)[-1])).casefold()
    name = "".join(
        c for c in name if unicodedata.category(c) != "Cf" and c != "\N{VARIATION SELECTOR-16}"
    )
    return re.sub(r"(?<=\D)(_|-(?=\s*[^\W\d]))|\s", "", name.strip(" ._"))


def _singulars(plural: str) -> list[str]:
    """Possible singulars of a plural such as `cats`, `boxes` or `Katzen`."""
    endings = [end for end in ("s", "es") if plural.endswith(end)]
    endings += ["n"] if plural.endswith("en") else []
    return [plural.removesuffix(end) for end in endings if len(plural) - len(end) >= SHORTEST_NOUN]


def _counts(dataset: Dataset) -> list[int]:
    """Pictures of each class; of a predefined split, its training pictures."""
    return dataset.counts("train" if dataset.predefined else None)


def _with_counts(dataset: Dataset, low: int, high: int) -> list[str]:
    """Names of the classes that have from `low` to under `high` pictures."""
    counts = zip(dataset.classes, _counts(dataset), strict=True)
    return [name for name, count in counts if low <= count < high]
