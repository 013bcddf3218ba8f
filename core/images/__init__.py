"""The only decoder: the bytes of any picture in, upright RGB pixels out."""

from core.images.decoding import FORMATS, READABLE, Look, decode, fit, load, look, thumbnail
from core.images.detail import laplacian

__all__ = [
    "FORMATS",
    "READABLE",
    "Look",
    "decode",
    "fit",
    "laplacian",
    "load",
    "look",
    "thumbnail",
]
