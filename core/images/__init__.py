"""The only decoder: the bytes of any picture in, upright RGB pixels out."""

from core.images.decoding import FORMATS, READABLE, Look, decode, fit, load, look, thumbnail

__all__ = ["FORMATS", "READABLE", "Look", "decode", "fit", "load", "look", "thumbnail"]
