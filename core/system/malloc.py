"""Limit malloc's arenas, and return unused memory to the system."""

import ctypes
import sys

M_ARENA_MAX = -8
"""Parameter of `mallopt`, as in glibc's `malloc.h`."""
ARENAS = 2


def limit_arenas() -> bool:
    """Limit this process to two malloc arenas. Call before threads start.

    By default, glibc uses up to eight arenas per core, and each keeps the memory that it has
    allocated. Streamlit starts a thread for each rerun; Python threads take turns, so two are
    enough.

    Returns:
        Whether the limit was set; False without glibc.
    """
    return bool(_glibc("mallopt", M_ARENA_MAX, ARENAS))


def trim() -> bool:
    """Return unused memory of malloc to the system; takes milliseconds.

    Returns:
        Whether any was returned; False without glibc.
    """
    return bool(_glibc("malloc_trim", 0))


def _glibc(function: str, *arguments: int) -> int:
    if sys.platform != "linux":
        return 0
    try:
        return int(getattr(ctypes.CDLL("libc.so.6"), function)(*arguments))
    except (OSError, AttributeError):
        return 0
