"""Who a visitor of a public host is: a random token of their browser, and the mark that it leaves.

The token is a secret of the browser's. On disk there is only the mark, which is made of it and from
which nobody gets back to it: whoever can read the folders of a host cannot pass for its visitors.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from core.system import files

COOKIE = "tusker_visitor"
MARK = "owner"
"""File of a run, an upload or a brought model that says whose it is."""
LENGTH = 32
"""Characters of a mark."""
_TOKEN = re.compile(r"[0-9a-f]{32}")


def new_token() -> str:
    """128 random bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def is_token(value: str) -> bool:
    """Whether a value that a browser sent has the form of a token."""
    return _TOKEN.fullmatch(value) is not None


def mark_of(token: str) -> str:
    """The mark that a token leaves: 32 hexadecimal digits."""
    return hashlib.sha256(f"tusker visitor {token}".encode()).hexdigest()[:LENGTH]


def mark(folder: Path, by: str) -> None:
    """Say whose a folder is.

    Args:
        by: the visitor's mark; empty for whoever sits at the machine, which leaves none.
    """
    if by:
        files.write_text(folder / MARK, by)


def marked(folder: Path) -> str:
    """Whose a folder is; empty where nobody left a mark, or there is no such folder."""
    # Lists ask this of every run of the host, and a file of Python's takes twice as long.
    try:
        handle = os.open(folder / MARK, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(handle, LENGTH).decode("ascii", "ignore")
    finally:
        os.close(handle)
