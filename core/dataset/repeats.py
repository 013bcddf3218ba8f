"""Find folders that only repeat the pictures of class folders, such as `all` beside them."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from core.dataset.folder_names import role

REPEATED = "In a folder that only repeats the pictures of the class folders."
BY_YEAR = "In a folder of a year, beside the albums. Put it into a class folder if it is in none."
COVERED = 0.9
"""Share of the pictures of each other folder that a repeating folder has, too."""
FEWEST = 2
"""Smallest number of other folders."""
MOST = 500
"""Folders that may be a selection of the others, each of which is compared with all."""
_NUMBERS = re.compile(r"\d+")
# Google Takeout has all pictures by year, beside the albums; in languages that write it so.
_TAKEOUT = re.compile(r"(^|/)google (ph|f)oto[^/]*/(ph|f)oto('?s)? \w{2,4} \d{4}/", re.IGNORECASE)


def find(names: Sequence[str], contents: Sequence[str] = ()) -> dict[str, str]:
    """Pictures in folders that repeat those of all folders beside them, and of Takeout's years.

    Folders whose names differ only in their numbers, such as `2022` and `2023`, count as one.

    Args:
        names: paths with `/` between folders.
        contents: hash of each file; empty if they are not known.

    Returns:
        Name of a picture → the reason, `REPEATED` or `BY_YEAR`.
    """
    years = dict.fromkeys(filter(_TAKEOUT.search, names), BY_YEAR)
    if len(set(contents)) == len(contents):  # nothing is repeated
        return years
    repeated: dict[str, str] = {}
    parents: defaultdict[str, defaultdict[str, dict[str, str]]]
    parents = defaultdict(lambda: defaultdict(dict))
    for name, content in zip(names, contents, strict=True):
        parent, _, folder = name.rpartition("/")[0].rpartition("/")
        parents[parent][folder][name] = content
    for folders in parents.values():
        kinds = {folder: _NUMBERS.sub("", folder) for folder in folders}
        small = {folder: set(held.values()) for folder, held in folders.items()}
        numbered: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for folder, held in folders.items():
            numbered[kinds[folder]] |= held
        for kind, held in numbered.items():
            large = set(held.values())
            others = [small[folder] for folder, each in kinds.items() if each != kind]
            if len(others) >= FEWEST and all(_covers(large, other) for other in others):
                repeated |= dict.fromkeys(held, REPEATED)
                # Folders that repeat each other are not all left out.
                kinds = {folder: each for folder, each in kinds.items() if each != kind}
        # A selection of them, such as `best`. Of several such folders, none may be left out.
        counts = Counter(content for folder in kinds for content in small[folder])
        covered = [each for each in kinds if all(counts[content] > 1 for content in small[each])]
        compared = covered if len(covered) <= MOST else ()
        selections = [folder for folder in compared if _selects(folder, small, kinds)]
        if len(selections) == 1:
            repeated |= dict.fromkeys(folders[selections[0]], REPEATED)
    repeated |= dict.fromkeys(_trees(names, contents), REPEATED)
    return repeated | years


def _trees(names: Sequence[str], contents: Sequence[str]) -> Iterator[str]:
    """Pictures in top folders, such as `data`, whose class folders are all elsewhere, too."""
    top = posixpath.commonpath(map(posixpath.dirname, names))
    counts: Counter[tuple[str, ...]] = Counter()  # by folder, file and content
    trees: defaultdict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, content in zip(names, contents, strict=True):
        parts = name[len(top) :].lstrip("/").split("/")
        file = (*parts[-2:], content)
        counts[file] += 1
        if len(parts) > 2 and not role(parts[0]):  # a copy in `test` is a leak
            trees[parts[0]][name] = file
    for tree in sorted(trees.values(), key=lambda tree: -max(name.count("/") for name in tree)):
        own = Counter(tree.values())
        if len({folder for folder, *_ in own}) > 1 and all(counts[f] > own[f] for f in own):
            counts -= own
            yield from tree


def _selects(folder: str, held: Mapping[str, set[str]], beside: Collection[str]) -> bool:
    """Whether a folder, whose pictures are all in others, has a part of each of several."""
    others = [held[other] for other in beside if other != folder]
    sources = [other for other in others if not held[folder].isdisjoint(other)]
    return (
        len(sources) >= FEWEST
        and not any(other <= held[folder] for other in sources)
        and not role(folder)
    )


def _covers(large: set[str], small: set[str]) -> bool:
    return len(large) > len(small) and len(large & small) >= COVERED * len(small)
