"""Pictures captured by camera, and a head that is refitted while they are captured."""

from core.capture.frames import Frame, take
from core.capture.head import FittedHead, fit
from core.capture.network import network
from core.capture.saving import as_zip, missing, save, single_burst_classes
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
    "missing",
    "network",
    "save",
    "single_burst_classes",
    "split_by_burst",
    "take",
]
