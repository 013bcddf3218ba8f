"""Decode untrusted pictures to upright RGB, and crop and resize them.

Nothing else decodes files from outside.
"""

from core.images.decoding import decode, decode_with_info, fit, load, thumbnail
from core.images.pixels import laplacian

__all__ = ["decode", "decode_with_info", "fit", "laplacian", "load", "thumbnail"]
