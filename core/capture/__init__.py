"""Pictures that a visitor shows to the camera, and what is learned of them while they do."""

from core.capture.frames import Shown, see
from core.capture.head import Learned, learn
from core.capture.network import network
from core.capture.saving import as_zip, flattering, keep, lacking
from core.capture.session import Added, Class, Showing
from core.capture.splitting import Parted, part

__all__ = [
    "Added",
    "Class",
    "Learned",
    "Parted",
    "Showing",
    "Shown",
    "as_zip",
    "flattering",
    "keep",
    "lacking",
    "learn",
    "network",
    "part",
    "see",
]
