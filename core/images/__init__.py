"""Decode pictures to upright RGB pixels: the only decoder."""

from core.images.decoding import decode, decode_with_info, fit, load, thumbnail
from core.images.pixels import laplacian

__all__ = ["decode", "decode_with_info", "fit", "laplacian", "load", "thumbnail"]
