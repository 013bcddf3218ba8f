"""The rule for names that visitors give to classes: each can be the name of a folder."""

import unicodedata

from core.archive.inspection import is_clutter
from core.dataset.folder_names import role
from core.dataset.split_lists import SPLITS
from core.errors import BadDataset
from core.system import files

LONGEST = 60
"""Longest name, in characters."""
FORBIDDEN = '/\\:*?"<>|'
"""Characters that some systems do not allow in folder names."""


def checked(name: str) -> str:
    """A name that a visitor typed, in Unicode's composed form and with single spaces.

    Raises:
        BadDataset: a class cannot have this name.
    """
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not name or len(name) > LONGEST:
        raise BadDataset(f"Expected a name of 1 to {LONGEST} characters, found {len(name)}.")
    if any(letter in FORBIDDEN or not letter.isprintable() for letter in name):
        raise BadDataset(
            f"Expected a name that a folder can have, found {name!r}. Leave {FORBIDDEN} out."
        )
    unusable = is_clutter(f"{name}/0.jpg") or name.endswith(".") or files.RESERVED.fullmatch(name)
    if unusable or role(name) in SPLITS:  # such a folder would be read as part of the split
        raise BadDataset(f"Expected a name that a folder can have, found {name!r}. Choose another.")
    return name
