"""A model for a live view: packed for the browser, or asked here, as a camera check asks it too."""

from core.live.camera_check import FRAMES, NOT_KEPT, CameraCheck, check
from core.live.frames import FrameAnswer, answer
from core.live.parts import NAMES, Part, head, pack, trunk
from core.live.runtime import HERE_ONLY, Runtime, runtime

__all__ = [
    "FRAMES",
    "HERE_ONLY",
    "NAMES",
    "NOT_KEPT",
    "CameraCheck",
    "FrameAnswer",
    "Part",
    "Runtime",
    "answer",
    "check",
    "head",
    "pack",
    "runtime",
    "trunk",
]
