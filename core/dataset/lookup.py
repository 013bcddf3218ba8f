"""Find the picture that a cell of a table means."""

import itertools
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import unquote

from core.dataset.folder_names import role

LONGEST_PATH = 4_096
MOST_ALIKE = 50
"""Pictures of the same name among which the one that a cell means is sought."""
_ABSOLUTE = re.compile(r"/|[a-z][a-z\d+.-]*:", re.IGNORECASE)


class Lookup:
    """Find the picture that a cell of a table means, by the end of its path.

    Capitals, the form of accents, the extension and leading zeros may differ. The folders of an
    absolute path or an address are those of another machine; those of a relative path must be those
    of the picture.
    """

    def __init__(self, pictures: Sequence[str]) -> None:
        top = posixpath.commonpath(map(posixpath.dirname, pictures)) if pictures else ""
        self._names = set(pictures)
        self._top = len(_parts(top))
        self._by_end: defaultdict[str, list[tuple[str, list[str]]]] = defaultdict(list)
        for name in pictures:
            parts = _parts(name)
            stem = without_zeros(posixpath.splitext(parts[-1])[0])
            for end in (stem, "/".join([*parts[-2:-1], stem]))[: len(parts)]:
                self._by_end[end].append((name, parts))

    def find(self, value: str, table: str) -> tuple[str, float] | None:
        """The picture that a cell of a table means, and how alike they are; None without one."""
        value = value.strip().replace("\\", "/")
        if "://" in value:
            value = unquote(re.split(r"[?#]", value, maxsplit=1)[0])
        parts = _parts(value) if len(value) <= LONGEST_PATH else []
        if not parts:
            return None
        here = posixpath.dirname(table)
        near = posixpath.normpath(posixpath.join(here, value))
        if near in self._names:
            return near, len(parts) + 0.1
        stems = {without_zeros(parts[-1]), without_zeros(posixpath.splitext(parts[-1])[0])}
        candidates: list[tuple[str, list[str]]] = []
        for folder in (parts[-2:-1], []):
            ends = ("/".join([*folder, stem]) for stem in stems)
            candidates = candidates or [each for end in ends for each in self._by_end.get(end, ())]
        if len(candidates) > MOST_ALIKE:
            return None
        likeness = {name: self._likeness(value, parts, name, other) for name, other in candidates}
        best = max(likeness.values(), default=0)
        names = [name for name, each in likeness.items() if each == best]
        if best and len(names) > 1:  # a table refers to the pictures beside it
            names = [n for n in names if n.startswith(f"{here}/")] or names
            # `train.csv` means `train_images/0.jpg`, not `test_images/0.jpg`.
            part = role(posixpath.splitext(posixpath.basename(table))[0])
            names = [n for n in names if len(names) == 1 or part in map(role, n.split("/")[:-1])]
        return (names[0], best) if best and len(names) == 1 else None

    def _likeness(self, value: str, parts: list[str], name: str, other: list[str]) -> float:
        """Number of equal parts from the end, less what differs in the last; 0 for no match."""
        stem = posixpath.splitext(other[-1])[0]
        same = 1.0 if parts[-1] == other[-1] else 0.5
        if same < 1 and stem not in (parts[-1], posixpath.splitext(parts[-1])[0]):
            same = 0.25
        same += 0.1 * (value.rpartition("/")[2] == name.rpartition("/")[2])
        pairs = zip(reversed(parts[:-1]), reversed(other[:-1]), strict=False)
        folders = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        if folders < len(parts) - 1:
            whole = folders >= len(other) - 1 - self._top
            roles = [next(filter(None, map(role, path[:-1])), None) for path in (parts, other)]
            if not (whole or _ABSOLUTE.match(value)) or (all(roles) and roles[0] != roles[1]):
                return 0
        return folders + same


def _parts(path: str) -> list[str]:
    """The folders and the file of a path, in lower case and in Unicode's composed form."""
    plain = path if path.isascii() else unicodedata.normalize("NFC", path)
    return [part for part in plain.casefold().split("/") if part not in ("", ".", "..")]


def without_zeros(stem: str) -> str:
    """A stem; a number without the zeros before it, which spreadsheets lose."""
    return stem.lstrip("0") or "0" if stem.isdigit() else stem
