"""Correct what Pillow reads otherwise than the standards of the formats define it."""

from typing import Any

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage
from core.images.depth import declared_range

# Tags of TIFF, and some of their values.
_COMPRESSION, _PHOTOMETRIC, _PLANES, _COLOUR_MAP, _SAMPLES = 259, 262, 284, 320, 339
_WHITE_IS_LOW, _YCBCR, _SEPARATE, _SIGNED, _UNSIGNED = 0, 6, 2, (2,), (1,)
_WORDS = 32_771
"""A compression that Pillow leaves to libtiff, which goes by the tag in the file."""
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
_STEPS = {"L;2": 85, "L;4": 17}
"""Of grey levels of 2 and 4 bits in 8."""
_GREY_BITS = {"1": 1, "L": 8}


def before_decoding(opened: ImageFile.ImageFile) -> None:
    """Correct how the decoder will take an opened picture.

    Raises:
        BadImage: it would be misread.
    """
    if isinstance(opened, TiffImageFile):
        _correct_tiff(opened)
        return
    tiles: list[Any] = list(opened.tile)
    if opened.format == "PNG" and "transparency" in opened.info:
        level = opened.info["transparency"]
        if (encoding := tiles[0].args) in _STEPS:
            opened.info["transparency"] = _STEPS[encoding] * level
        elif encoding == "RGB;16B":
            opened.info["transparency"] = tuple(value >> 8 for value in level)
    elif opened.format == "BMP" and opened.mode in _GREY_BITS and tiles[0][0] == "raw":
        _check_bitmap(opened.width * _GREY_BITS[opened.mode], tiles[0].args[1])


def as_meant(image: Image.Image, opened: Image.Image) -> Image.Image:
    """The decoded picture of a file, with values as its tags define them and in native order.

    Source: TIFF 6.0, PhotometricInterpretation and ColorMap.
    """
    if not isinstance(opened, TiffImageFile):
        return image
    tags = opened.tag_v2
    colours = tags.get(_COLOUR_MAP, ())
    if image.mode == "P" and colours and max(colours) < 256:
        # Some programs write the colour map in 8 bits; libtiff takes it so too.
        image.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())
    elif image.mode == "La":
        return image.convert("LA")
    elif image.mode == "L" and tags.get(_SAMPLES) == _SIGNED:
        if np.asarray(image).max() > 127:
            raise _unread("negative numbers of 8 bits")
    elif image.mode == "I" and tags.get(_SAMPLES, _UNSIGNED) == _UNSIGNED:
        if np.asarray(image).min() < 0:
            raise BadImage("Some numbers are over 2,147,483,647. Save the picture as 8-bit PNG.")
    elif image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)
        if tags.get(_PHOTOMETRIC) == _WHITE_IS_LOW:  # Pillow turns 8 bits round only
            total = np.uint16(sum(declared_range(opened) or ()))
            values = total - np.minimum(values, total)
        return Image.fromarray(values)
    return image


def _check_bitmap(bits: int, stride: int) -> None:
    """Refuse a bitmap of few grey levels that are stored in more bits per row than Pillow takes."""
    if stride != (bits + 31) // 32 * 4:
        raise BadImage(
            "Found a bitmap with few grey levels in more bits than they need, which Tusker does "
            "not read. Save it as PNG."
        )


def _correct_tiff(opened: TiffImageFile) -> None:
    tags = opened.tag_v2
    separate = tags.get(_PLANES) == _SEPARATE
    if not opened.use_load_libtiff and (separate or tags.get(_PHOTOMETRIC) == _YCBCR):
        # Pillow takes planes for 8 bits, and pixels for whole ones where colours are subsampled.
        tags[_COMPRESSION] = _WORDS
        opened._setup()
    if separate and opened.mode in ("LA", "La", "PA"):
        raise _unread("a grey level and an opacity in separate planes")
    if opened.mode == "F" and tags.get(_PHOTOMETRIC) == _WHITE_IS_LOW:
        raise _unread("floating-point numbers of which 0 is white")
    if opened.use_load_libtiff:  # it gives numbers in native order
        tile: Any = opened.tile[0]
        encoding, *others = tile.args
        opened.tile = [tile._replace(args=(_NATIVE.get(encoding, encoding), *others))]


def _unread(what: str) -> BadImage:
    return BadImage(f"Found a TIFF with {what}, which Tusker does not read. Save it as 8-bit PNG.")
