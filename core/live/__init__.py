"""A model for a live view: packed for the browser, or asked here, as a camera check asks it too."""

from core.live.camera_check import FRAMES, NOT_KEPT, Checked, check
from core.live.frames import Seen, see
from core.live.parts import NAMES, Part, head, pack, trunk
from core.live.runtime import HERE_ONLY, Runtime, runtime

__all__ = [
    "FRAMES",
    "HERE_ONLY",
    "NAMES",
    "NOT_KEPT",
    "Checked",
    "Part",
    "Runtime",
    "Seen",
    "check",
    "head",
    "pack",
    "runtime",
    "see",
    "trunk",
]
