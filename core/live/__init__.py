"""Models for the live view: parts for the browser, prediction on the server, camera check."""

from core.live.camera_check import FRAMES, NOT_KEPT, CameraCheck, check
from core.live.frames import FramePrediction, predict
from core.live.parts import Part, head, pack, trunk
from core.live.runtime import SERVER_ONLY, Runtime, runtime

__all__ = [
    "FRAMES",
    "NOT_KEPT",
    "SERVER_ONLY",
    "CameraCheck",
    "FramePrediction",
    "Part",
    "Runtime",
    "check",
    "head",
    "pack",
    "predict",
    "runtime",
    "trunk",
]
