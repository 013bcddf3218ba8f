"""Decide which of nested folders are the classes."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from core.dataset.folder_names import COPY, holds_classes, is_generic, name_key, nfc, words_of

ClassLevel = Literal["top", "inner", "path"]
"""Which folders name the classes where folders are nested: the outermost, the innermost, or all."""
# Numbers of classes; longer ones may be dates.
_NUMBER = re.compile(r"\d{1,3}")
# Numbers of patients, and days: `10253` and `2024-05-01`. Years may be classes.
_LONG_NUMBER = re.compile(r"(?!(?:19|20)\d\d$)\d{4}")
_PADDED = re.compile(r"(?<!\d)0\d")
# Numbers of cases in pathology: `14-22549AB`, but not `05-2019`.
_CASE = re.compile(r"\d\d-(?!(?:19|20)\d\d$)\d{4,}[A-Z]*$")


def class_folders(folders: list[list[str]]) -> list[list[str]]:
    """Cut each path after its first folder that has pictures: subfolders belong to that class."""
    direct = {tuple(map(nfc, folder)) for folder in folders}

    def cut(folder: list[str]) -> list[str]:
        names = tuple(map(nfc, folder))
        return next((folder[:n] for n in range(1, len(folder)) if names[:n] in direct), folder)

    return [cut(folder) for folder in folders]


def class_level(folders: list[list[str]]) -> tuple[ClassLevel, bool]:
    """Which folders are the classes, and whether the outermost are sites or parts."""
    below: defaultdict[str, dict[str, str]] = defaultdict(dict)
    tops: dict[str, str] = {}
    for folder in dict.fromkeys(map(tuple, folders)):
        if folder:
            top, inner = name_key(folder[0]), innermost(folder)
            tops.setdefault(top, folder[0])
            if name_key(inner) != top and not _is_counted(inner, folder[0]):
                below[top][name_key(inner)] = name_key(_CASE.sub("", inner))
    # Without the numbers of patients, `SOB_14-22549AB` and `SOB_14-29960CD` are the same name.
    counts = Counter(name for names in below.values() for name in names.values())
    if not counts:
        return _level_of_numbers(folders, tops)
    if max(counts.values()) > 1:
        # Repeated subfolders are the classes if the folders above are sites, parts or copies.
        unnamed = sum(map(holds_classes, tops.values())) * 2 > len(tops)
        copies = len({COPY.sub("", top) for top in tops}) < len(tops)
        return "inner" if unnamed or copies else "top", unnamed
    return "inner", False


def _is_counted(inner: str, top: str) -> bool:
    """Whether a folder is named after the one above it and numbered: `Golf/v_Golf_g01_c02`.

    Such numbers are padded; those of models, as in `Mazda/Mazda 3`, are not.
    """
    words = {word for word in words_of(inner) if len(word) > 1}
    return bool(words) and words <= set(words_of(top)) and _PADDED.search(inner) is not None


def _level_of_numbers(folders: list[list[str]], tops: dict[str, str]) -> tuple[ClassLevel, bool]:
    """`class_level` if inner folders are numbers: `patient 12/0` and `10253/0` are the class 0.

    Classes are counted from 0, but sessions from 1: `c1/1`.
    """
    inner = {folder[-1] for folder in folders if len(folder) > 1}
    are_classes = "0" in inner and len(inner) > 1 and all(map(_NUMBER.fullmatch, inner))
    return ("inner", True) if are_classes and all(map(_is_case, tops.values())) else ("top", False)


def _is_case(folder: str) -> bool:
    """Whether a folder is of a patient, batch or day, not of a class such as `c1` or `2019`."""
    counted = any(map(str.isdigit, folder)) and max(map(len, words_of(folder)), default=0) > 1
    return is_generic(folder) and (counted or _LONG_NUMBER.search(folder) is not None)


def innermost(folder: Sequence[str]) -> str:
    """The last folder whose name is not generic; the first folder if there is none."""
    return next((name for name in reversed(folder) if not is_generic(name)), folder[0])
