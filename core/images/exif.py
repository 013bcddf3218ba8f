"""Read from EXIF on which day and with which device a picture was taken."""

from __future__ import annotations

import datetime
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

from core.images.headers import EXIF, byte_order, entries, exif_block, within_block

_MAKE, _MODEL, _TAKEN, _SERIAL = 0x010F, 0x0110, 0x9003, 0xA431
_LONGEST = 60
"""Characters of a text that are read."""


def capture(info: Mapping[Any, Any]) -> tuple[str, str]:
    """Day and device of a picture; both from outside, so both are checked and cut.

    Args:
        info: `Image.info` of Pillow.

    Returns:
        The day as `2024-05-01` and the device as `Canon EOS 80D`, with four hexadecimal digits of
        the hash of its serial number if that is known: `Canon EOS 80D #3f2a`. Empty where EXIF
        does not say.

    Source: EXIF 2.32, tags 0x010F, 0x0110, 0x9003 and 0xA431.
    """
    block = exif_block(info)
    texts: dict[int, str] = {}
    starts: list[int | None] = [None]
    for start in starts:
        for tag, kind, count, where in entries(within_block(block), start):
            if tag in (_MAKE, _MODEL, _TAKEN, _SERIAL) and kind == 2:
                texts.setdefault(tag, _text(block[where : where + min(count, _LONGEST)]))
            elif tag == EXIF and len(starts) == 1 and len(pointer := block[where : where + 4]) == 4:
                starts.append(struct.unpack(byte_order(block) + "I", pointer)[0])
    make, model = texts.get(_MAKE, ""), texts.get(_MODEL, "")
    device = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    if device and (serial := texts.get(_SERIAL)):
        device += f" #{hashlib.blake2b(serial.encode(), digest_size=2).hexdigest()}"
    return _day(texts.get(_TAKEN, "")), device


def _text(value: bytes) -> str:
    text = value.split(b"\0")[0].decode("utf-8", "replace")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _day(taken: str) -> str:
    """The day of `2024:05:01 10:22:33`; empty if there is no such day."""
    try:
        day = datetime.datetime.strptime(taken[:10].replace("-", ":"), "%Y:%m:%d").date()
    except ValueError:
        return ""
    return day.isoformat() if day.year >= 1990 else ""  # clocks that were never set
