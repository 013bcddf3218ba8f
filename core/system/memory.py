"""Keep what the web process takes of memory near what it uses."""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"""Which of its parameters `mallopt` is to set, by glibc's `malloc.h`."""
ARENAS = 2


def bound() -> bool:
    """Have the threads of this process share two pools of memory. Call it before there are many.

    glibc gives up to eight a core, of which each keeps what it once took; a server of pages has a
    new thread for each press. Python's threads take turns, so that two are enough.

    Returns:
        Whether that could be done: not without glibc.
    """
    return bool(_glibc("mallopt", M_ARENA_MAX, ARENAS))


def give_back() -> bool:
    """Return to the system what is free and was kept to be used again; it takes milliseconds.

    Returns:
        Whether there was any: not without glibc.
    """
    return bool(_glibc("malloc_trim", 0))


def _glibc(name: str, *arguments: int) -> int:
    if sys.platform != "linux":
        return 0
    try:
        return int(getattr(ctypes.CDLL("libc.so.6"), name)(*arguments))
    except (OSError, AttributeError):
        return 0
