"""Convert colours of other profiles, such as Display P3 and Adobe RGB, to sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

LARGEST = 4 << 20
"""Bytes of a profile; those of printers have up to 3 MB."""
CLOSE = 2
"""Levels by which a profile may differ from sRGB without being applied."""
CACHED = 8
_TAGS, _TAG, _MOST_TAGS = 132, 12, 100
"""Bytes before the first tag of a profile, bytes of each, and how many LittleCMS reads."""
_SRGB = ImageCms.createProfile("sRGB")


def transform_of(image: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """The transform of a picture of 8 bits per channel to sRGB; None if it needs none.

    A profile that is damaged, for another mode, or close to sRGB is ignored.

    Source: ICC.1:2022; the perceptual intent, as in browsers.
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not 0 < len(profile) <= LARGEST:
        return None
    return _transform(profile, _mode(image))


def to_srgb(strip: Image.Image, transform: ImageCms.ImageCmsTransform | None) -> Image.Image:
    """A part of a picture in RGB, or in RGBA if it is transparent."""
    mode, is_transparent = _mode(strip), strip.has_transparency_data
    if is_transparent:
        strip = strip.convert("RGBA")
    if transform is None:
        return strip if is_transparent else strip.convert("RGB")
    colours = transform.apply(strip.convert(mode))
    if is_transparent:
        colours.putalpha(strip.getchannel("A"))
    return colours


def _mode(image: Image.Image) -> str:
    """The mode that a profile is for: without transparency."""
    return {"CMYK": "CMYK", "L": "L", "LA": "L"}.get(image.mode, "RGB")


@functools.lru_cache(CACHED)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None if that would change little, or is impossible."""
    bounded = io.BytesIO(_without_elements(profile))
    try:
        transform = ImageCms.buildTransform(bounded, _SRGB, mode, "RGB")
    except ImageCms.PyCMSError:  # damaged, or for another mode
        return None
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    probe = Image.fromarray(cube).convert(mode)
    change = np.asarray(transform.apply(probe), int) - np.asarray(probe.convert("RGB"), int)
    return transform if np.abs(change).max() > CLOSE else None


def _without_elements(profile: bytes) -> bytes:
    """A profile with other names for its tags of processing elements, which are then not used.

    Such a tag lists any number of elements, of which each is applied to every colour. Other tags,
    which every profile has too, describe the same conversion.

    Source: ICC.1:2022, 9.2.21 (DToB0) and 10.19 (multiProcessElementsType).
    """
    renamed = bytearray(profile)
    for at in range(_TAGS, min(len(profile), _TAGS + _TAG * _MOST_TAGS), _TAG):
        start = int.from_bytes(profile[at + 4 : at + 8], "big")
        if profile[start : start + 4] == b"mpet":
            renamed[at : at + 4] = profile[at : at + 4].swapcase()
    return bytes(renamed)
