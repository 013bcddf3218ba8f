"""Correct pictures that Pillow reads differently from how their format defines them."""

from typing import Any

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import BadImage
from core.images.bit_depth import declared_range

# Tags of TIFF, and some of their values.
_COMPRESSION, _PHOTOMETRIC, _PLANES, _COLOUR_MAP, _SAMPLE_FORMAT = 259, 262, 284, 320, 339
_WHITE_IS_ZERO, _YCBCR, _SEPARATE, _UNSIGNED = 0, 6, 2, (1,)
_BY_LIBTIFF = 32_771
"""A compression that Pillow leaves to libtiff, which itself reads the tag in the file."""
_NATIVE = {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""Encodings in big-endian order, and in the order of this machine."""
_LEVEL_STEPS = {"L;2": 85, "L;4": 17}
"""Steps between grey levels of 2 and 4 bits when they have 8."""


def correct_decoder(opened: ImageFile.ImageFile) -> None:
    """Correct how Pillow will decode an opened picture.

    Raises:
        BadImage: it would be misread.
    """
    if isinstance(opened, TiffImageFile):
        _correct_tiff_decoder(opened)
    elif opened.format == "AVIF":  # turned by its properties only, which Pillow gives as EXIF
        opened.info.pop("xmp", None)
    elif opened.format == "PNG" and "transparency" in opened.info and opened.mode == "L":
        encoding: Any = opened.tile[0].args
        opened.info["transparency"] *= _LEVEL_STEPS.get(encoding, 1)


def _correct_tiff_decoder(opened: TiffImageFile) -> None:
    tags = opened.tag_v2
    is_separate = tags.get(_PLANES) == _SEPARATE
    if is_separate and opened.mode in ("LA", "La", "PA"):
        raise _unread("a grey level and an opacity in separate planes")
    if opened.mode == "F" and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        raise _unread("floating-point numbers of which 0 is white")
    if not opened.use_load_libtiff and (is_separate or tags.get(_PHOTOMETRIC) == _YCBCR):
        # Pillow itself would read planes as 8 bits, and ignore that colours are subsampled.
        tags[_COMPRESSION] = _BY_LIBTIFF
        opened._setup()
    if opened.use_load_libtiff:  # it returns the byte order of this machine
        tile: Any = opened.tile[0]
        encoding, *others = tile.args
        opened.tile = [tile._replace(args=(_NATIVE.get(encoding, encoding), *others))]


def correct_values(image: Image.Image, opened: Image.Image) -> Image.Image:
    """The decoded picture of a file, with values as its tags define them.

    Source: TIFF 6.0, PhotometricInterpretation and ColorMap.

    Raises:
        BadImage: they are beyond what Pillow reads.
    """
    if not isinstance(opened, TiffImageFile):
        return image
    tags = opened.tag_v2
    if image.mode == "P" and max(colours := tags.get(_COLOUR_MAP, [256])) < 256:
        # Some programs write the colour map in 8 bits; libtiff accepts that, too.
        image.putpalette(np.reshape(colours, (3, -1)).T.astype(np.uint8).tobytes())
    elif image.mode == "La":  # premultiplied, which Pillow converts to no other mode
        return image.convert("LA")
    elif image.mode == "I" and tags.get(_SAMPLE_FORMAT, _UNSIGNED) == _UNSIGNED:
        low: Any = image.getextrema()[0]
        if low < 0:
            raise BadImage("Some numbers are over 2,147,483,647. Save the picture as 8-bit PNG.")
    elif image.mode == "I;16B":  # Pillow computes no extrema of it
        return Image.fromarray(np.asarray(image).astype(np.uint16))
    elif image.mode.startswith("I;16") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        # Pillow inverts only 8-bit values.
        total = np.uint16(sum(declared_range(opened) or ()))
        return Image.fromarray(total - np.minimum(np.asarray(image), total))
    return image


def _unread(what: str) -> BadImage:
    return BadImage(f"Found a TIFF with {what}, which Tusker does not read. Save it as 8-bit PNG.")
