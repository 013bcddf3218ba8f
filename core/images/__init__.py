"""Decode untrusted pictures to upright RGB, and crop and resize them.

Nothing else decodes files from outside.
"""

from core.images.budget import BUDGET
from core.images.decoding import (
    crop_and_resize,
    decode,
    decode_and_crop,
    decode_with_info,
    thumbnail,
)
from core.images.pixels import laplacian
from core.images.silence import silence_libtiff

silence_libtiff()

__all__ = [
    "BUDGET",
    "crop_and_resize",
    "decode",
    "decode_and_crop",
    "decode_with_info",
    "laplacian",
    "thumbnail",
]
