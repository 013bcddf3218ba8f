"""Find folders that only repeat the pictures of class folders, such as `all` beside them."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

REPEATED = "In a folder that only repeats the pictures of the class folders."
BY_YEAR = "In a folder of a year, beside the albums. Put it into a class folder if it is in none."
COVERED = 0.9
"""Share of the pictures of each other folder that such a folder has, too."""
FEWEST = 2
"""Other folders, at least."""
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
    found: dict[str, str] = {}
    parents: defaultdict[str, defaultdict[str, dict[str, str]]]
    parents = defaultdict(lambda: defaultdict(dict))
    for name, content in zip(names, contents, strict=bool(contents)):
        parent, _, folder = name.rpartition("/")[0].rpartition("/")
        parents[parent][folder][name] = content
    for folders in parents.values():
        kinds = {folder: _NUMBERS.sub("", folder) for folder in folders}
        small = {folder: set(held.values()) for folder, held in folders.items()}
        numbered: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for folder, held in folders.items():
            numbered[kinds[folder]] |= held
        alike = Counter(kinds.values())
        for kind, held in numbered.items():
            large = set(held.values())
            others = (small[folder] for folder in folders if kinds[folder] != kind)
            if len(folders) - alike[kind] >= FEWEST and all(_covers(large, o) for o in others):
                found |= dict.fromkeys(held, REPEATED)
    return found | dict.fromkeys(filter(_TAKEOUT.search, names), BY_YEAR)


def _covers(large: set[str], small: set[str]) -> bool:
    return len(large) > len(small) and len(large & small) >= COVERED * len(small)
