"""Pictures that a visitor shows to the camera, and what is learned of them while they do."""

from core.showing.keeping import as_zip, flattering, keep, lacking
from core.showing.learning import Learned, learn
from core.showing.network import network
from core.showing.pictures import Shown, see
from core.showing.showing import Added, Class, Showing
from core.showing.splitting import Parted, part

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
