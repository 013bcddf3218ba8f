"""Find the picture that a cell of a table means."""

import itertools
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from core.dataset.folder_names import role

LONGEST_PATH = 4_096
MOST_ALIKE = 50
"""Pictures of the same name among which the one that a cell means is sought."""
_ABSOLUTE = re.compile(r"/|\.\./|[a-z][a-z\d+.-]*:", re.IGNORECASE)


# Likeness by the spelling of the file name; each folder in common adds 1.
_EXACT, _OTHER_CASE, _WITHOUT_EXTENSION, _WITHOUT_ZEROS = 1.1, 1.0, 0.5, 0.25


class Match(NamedTuple):
    """The picture that a cell means.

    Attributes:
        likeness: how many of its innermost folders are in the cell, and 0.25 to 1.1 for how its
            name is spelled there. The sum of a column says whether it has the file names.
    """

    picture: str
    likeness: float


class Lookup:
    """Find the picture that a cell of a table means, by the end of its path.

    Capitals, the form of accents, the extension and leading zeros may differ. The folders of an
    absolute path, an address or a path that leads out (`../input/1.jpg`) are those of another
    machine; those of another relative path must be those of the picture.
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

    def find(self, value: str, table: str) -> Match | None:
        """The picture that a cell of a table means; None if none or several may be meant."""
        value = value.strip().replace("\\", "/")
        if "://" in value:
            value = unquote(re.split(r"[?#]", value, maxsplit=1)[0])
        parts = _parts(value) if len(value) <= LONGEST_PATH else []
        if not parts:
            return None
        near = posixpath.normpath(posixpath.join(posixpath.dirname(table), value))
        if near in self._names:
            return Match(near, len(parts) - 1 + _EXACT)
        candidates = self._candidates(parts)
        if len(candidates) > MOST_ALIKE:
            return None
        likely = (self._match(value, parts, name, other) for name, other in candidates)
        matches = list(filter(None, likely))
        best = max((match.likeness for match in matches), default=0.0)
        name = _settled([m.picture for m in matches if m.likeness == best], table)
        return Match(name, best) if name else None

    def _candidates(self, parts: list[str]) -> list[tuple[str, list[str]]]:
        """Pictures of the same name, if there are any in the same folder; with their parts."""
        stems = {without_zeros(parts[-1]), without_zeros(posixpath.splitext(parts[-1])[0])}
        for folder in (parts[-2:-1], []):
            ends = ("/".join([*folder, stem]) for stem in stems)
            if found := [each for end in ends for each in self._by_end.get(end, ())]:
                return found
        return []

    def _match(self, value: str, parts: list[str], name: str, other: list[str]) -> Match | None:
        """How alike a cell and a picture of the same name are; None if its folders differ."""
        pairs = zip(reversed(parts[:-1]), reversed(other[:-1]), strict=False)
        folders = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        if folders < len(parts) - 1:
            whole = folders >= len(other) - 1 - self._top
            roles = [next(filter(None, map(role, path[:-1])), None) for path in (parts, other)]
            if not (whole or _ABSOLUTE.match(value)) or (all(roles) and roles[0] != roles[1]):
                return None
        if parts[-1] == other[-1]:
            same = value.rpartition("/")[2] == name.rpartition("/")[2]
            return Match(name, folders + (_EXACT if same else _OTHER_CASE))
        stem = posixpath.splitext(other[-1])[0]
        same = stem in (parts[-1], posixpath.splitext(parts[-1])[0])
        return Match(name, folders + (_WITHOUT_EXTENSION if same else _WITHOUT_ZEROS))


def _settled(names: list[str], table: str) -> str | None:
    """The one of several pictures that a table means; None if that is not clear."""
    if len(names) > 1:  # a table refers to the pictures beside it
        names = [n for n in names if n.startswith(f"{posixpath.dirname(table)}/")] or names
    if len(names) > 1:  # `train.csv` means `train_images/0.jpg`, not `test_images/0.jpg`
        part = role(posixpath.splitext(posixpath.basename(table))[0])
        names = [n for n in names if part in map(role, n.split("/")[:-1])]
    return names[0] if len(names) == 1 else None


def _parts(path: str) -> list[str]:
    """The folders and the file of a path, in lower case and in Unicode's composed form."""
    plain = path if path.isascii() else unicodedata.normalize("NFC", path)
    return [part for part in plain.casefold().split("/") if part not in ("", ".", "..")]


def without_zeros(stem: str) -> str:
    """A stem; a number without the zeros before it, which spreadsheets lose."""
    return stem.lstrip("0") or "0" if stem.isdigit() else stem
