"""A model for a live view: packed for the browser, or asked here, frame by frame."""

from core.live.frames import Seen, see
from core.live.parts import NAMES, Part, head, pack, trunk
from core.live.runtime import HERE_ONLY, Runtime, runtime

__all__ = [
    "HERE_ONLY",
    "NAMES",
    "Part",
    "Runtime",
    "Seen",
    "head",
    "pack",
    "runtime",
    "see",
    "trunk",
]
