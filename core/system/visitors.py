"""Identify the visitors of a public host and the owners of folders.

A visitor's browser holds a random token. Folders on disk hold only the visitor's id, a hash of
the token, so that reading the disk does not allow anyone to act as a visitor.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path

from core.system import files

COOKIE = "tusker_visitor"
OWNER = "owner"
"""File of a run, an upload or an imported model that holds its owner's id."""
ID_LENGTH = 32
_TOKEN = re.compile(r"[0-9a-f]{32}")


def new_token() -> str:
    """A token: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def is_token(value: str) -> bool:
    """Whether a value sent by a browser has the form of a token."""
    return _TOKEN.fullmatch(value) is not None


def visitor_id(token: str) -> str:
    """The id of the visitor who has this token: 32 hexadecimal digits."""
    return hashlib.sha256(f"tusker visitor {token}".encode()).hexdigest()[:ID_LENGTH]


def set_owner(folder: Path, visitor: str) -> None:
    """Record a folder's owner.

    Args:
        folder: of a run, an upload or an imported model.
        visitor: the owner's id; empty for a folder without an owner, which writes nothing.
    """
    if visitor:
        files.write_text(folder / OWNER, visitor)


def owner(folder: Path) -> str:
    """The id of a folder's owner; empty where there is none."""
    # Lists read this for every run of the host, and a Python file object takes twice as long.
    try:
        handle = os.open(folder / OWNER, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(handle, ID_LENGTH).decode("ascii", "ignore")
    finally:
        os.close(handle)
