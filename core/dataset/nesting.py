"""Decide which of nested folders are the classes."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

from core.dataset.folder_names import COPY, is_generic, key, normal, vocabulary, words_of

ClassLevel = Literal["top", "inner", "path"]
"""Which folders name the classes where folders are nested: the outermost, the innermost, or all."""
# Words of classes that are numbered: `Grade 2`.
_KINDS = vocabulary("""
class classe clase klasse category kategorie kind type typ tipo sorte grade grad stage stadium level
stufe degree
""")
# Numbers of classes; longer ones may be dates.
_NUMBER = re.compile(r"\d{1,3}")
# Numbers of cases in pathology: `14-22549AB`, but not `05-2019`.
_CASE = re.compile(r"\d\d-(?!(?:19|20)\d\d$)\d{4,}[A-Z]*$")


def class_folders(folders: list[list[str]]) -> list[list[str]]:
    """Cut each path after its first folder that has pictures: subfolders belong to that class."""
    direct = {tuple(map(normal, folder)) for folder in folders}

    def cut(folder: list[str]) -> list[str]:
        names = tuple(map(normal, folder))
        return next((folder[:n] for n in range(1, len(folder)) if names[:n] in direct), folder)

    return [cut(folder) for folder in folders]


def class_level(folders: list[list[str]]) -> tuple[ClassLevel, bool]:
    """Which folders are the classes, and whether the outermost are sites or parts."""
    below: defaultdict[str, dict[str, str]] = defaultdict(dict)
    tops: dict[str, str] = {}
    for folder in dict.fromkeys(map(tuple, folders)):
        if folder:
            top, inner = key(folder[0]), innermost(folder)
            tops.setdefault(top, folder[0])
            if key(inner) != top:
                below[top][key(inner)] = key(_CASE.sub("", inner))
    # Patients, `SOB_14-22549AB` and `SOB_14-29960CD`, are numbered: they repeat but for that.
    counts = Counter(name for names in below.values() for name in names.values())
    if not counts:
        return _level_of_numbers(folders, tops)
    if max(counts.values()) > 1:
        # Repeated subfolders are the classes if the folders above are sites, parts or copies.
        kinds = _KINDS & {word for top in tops for word in words_of(top)}
        numbered = not kinds and len({re.sub(r"\d+", "", top) for top in tops}) < 2 <= len(tops)
        unnamed = numbered or sum(map(is_generic, tops.values())) * 2 > len(tops)
        copies = len({COPY.sub("", top) for top in tops}) < len(tops)
        return "inner" if unnamed or copies else "top", unnamed
    return "inner", False


def _level_of_numbers(folders: list[list[str]], tops: dict[str, str]) -> tuple[ClassLevel, bool]:
    """The same where no inner folder has a name: `patient 12/0` and `10253/0` are the class 0.

    Of two levels of numbers, that of fewer is the classes.
    """
    inner = {folder[-1] for folder in folders if len(folder) > 1}
    are_numbers = len(inner) > 1 and all(map(_NUMBER.fullmatch, inner))
    if not are_numbers or not all(map(is_generic, tops.values())):
        return "top", False
    numbered = all(top.isdecimal() for top in tops)
    return ("top", False) if numbered and len(inner) >= len(tops) else ("inner", True)


def innermost(folder: Sequence[str]) -> str:
    """The last folder whose name is not generic; the first folder if there is none."""
    return next((name for name in reversed(folder) if not is_generic(name)), folder[0])
