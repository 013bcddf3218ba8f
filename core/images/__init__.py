"""Decode untrusted pictures to upright RGB, and crop and resize them.

Nothing else decodes files from outside.
"""

from core.images.decoding import (
    FORMATS,
    READABLE,
    DecodedImage,
    decode,
    decode_with_info,
    fit,
    load,
    thumbnail,
)
from core.images.detail import laplacian

__all__ = [
    "FORMATS",
    "READABLE",
    "DecodedImage",
    "decode",
    "decode_with_info",
    "fit",
    "laplacian",
    "load",
    "thumbnail",
]
