"""Pictures that a visitor shows to the camera, and what is learned of them while they do."""

from core.capture.frames import Frame, take
from core.capture.head import FittedHead, fit
from core.capture.network import network
from core.capture.saving import as_zip, flattering, lacking, save
from core.capture.session import Added, CaptureSession, Class
from core.capture.splitting import Partition, split_by_burst

__all__ = [
    "Added",
    "CaptureSession",
    "Class",
    "FittedHead",
    "Frame",
    "Partition",
    "as_zip",
    "fit",
    "flattering",
    "lacking",
    "network",
    "save",
    "split_by_burst",
    "take",
]
