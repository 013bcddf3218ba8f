"""Read and check the tag directories of TIFF, BigTIFF and EXIF."""

import datetime
import hashlib
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from core.errors import BadImage

TAG_BYTES = 16 << 20  # all tags of a TIFF or EXIF directory together
TAG_NUMBERS = 1 << 18  # numbers among them: each becomes a Python object
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8}
MOST_DIRECTORIES = 100
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50_706
_ORIENTATION, _EXIF, _GPS, _INTEROP = 0x0112, 0x8769, 0x8825, 0xA005
_MAKE, _MODEL, _TAKEN, _SERIAL = 0x010F, 0x0110, 0x9003, 0xA431
_LONGEST = 60
"""Characters of a text that are read."""
Entry = tuple[int, int, int, int]  # tag, type, count, offset of the value
RAW = "a camera raw file"

Reader = Callable[[int, int], bytes]  # (offset, count) → bytes, short at the end


def check_tags(read: Reader) -> None:
    """Add up the sizes of all tags of a directory and its subdirectories."""
    order = _order(read(0, 4))
    total = numbers = 0
    todo: list[int | None] = [None]
    for start in todo:
        for tag, kind, count, where in _entries(read, start):
            size = _TYPE_BYTES.get(kind, 0) * count
            total += size
            numbers += 0 if kind in (1, 2, 7) else count
            if tag in (_EXIF, _GPS, _INTEROP) and count == 1 and len(todo) < 8:
                pointer = read(where, 4)
                todo += [struct.unpack(order + "I", pointer)[0]] if len(pointer) == 4 else []
    if total > TAG_BYTES or numbers > TAG_NUMBERS:
        raise BadImage(
            f"The tags of this picture would take {total / 2**20:.0f} MB. Save it again without "
            "its metadata."
        )


def check_raw(read: Reader) -> None:
    """Refuse camera raw: its first directory describes a small preview.

    Source: Adobe DNG 1.7, tags NewSubfileType and DNGVersion; TIFF/EP, SubIFDs.
    """
    reduced, tags = _subfile_type(read) & 1, {tag for tag, *_ in _entries(read)}
    if _DNG_VERSION in tags or (reduced and _SUB_IFDS in tags) or read(8, 2) == b"CR":
        raise BadImage(f"Found {RAW}, which Tusker does not read. Save it as JPEG or PNG.")


def _entries(read: Reader, start: int | None = None) -> list[Entry]:
    """Entries of a directory of a TIFF, a BigTIFF or an EXIF block; empty if there is none."""
    head = read(0, 16)
    if len(head) < 8:
        return []
    order, big = _order(head), head[2:4] in (b"+\0", b"\0+")
    layout, width = (order + "HHQ", 20) if big else (order + "HHI", 12)
    try:
        if start is None:
            start = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)[0]
        count = struct.unpack(order + ("Q" if big else "H"), read(start, 8 if big else 2))[0]
        first = start + (8 if big else 2)
        block = read(first, min(count, 65_535) * width)
    except (struct.error, OverflowError):
        return []
    entries: list[Entry] = []
    for at in range(0, len(block) - width + 1, width):
        tag, kind, number = struct.unpack_from(layout, block, at)
        inline, capacity = at + struct.calcsize(layout), 8 if big else 4
        where = first + inline
        if _TYPE_BYTES.get(kind, 0) * number > capacity:
            where = struct.unpack_from(order + ("Q" if big else "I"), block, inline)[0]
        entries.append((tag, kind, number, where))
    return entries


def has_pages(path: Path) -> bool:
    """Whether a TIFF has more than one picture, apart from smaller copies and masks.

    Source: TIFF 6.0, NewSubfileType: bit 0 is a smaller copy, bit 2 a mask.
    """
    with path.open("rb") as file:

        def read(offset: int, count: int) -> bytes:
            file.seek(offset)
            return file.read(count)

        further = islice(_directories(read), 1, MOST_DIRECTORIES)
        return any(not _subfile_type(read, start) & 0b101 for start in further)


def _directories(read: Reader) -> Iterator[int]:
    """Offsets of the directories of a TIFF, one after the other."""
    head = read(0, 16)
    order, big = _order(head), head[2:4] in (b"+\0", b"\0+")
    offset, number, width = ("Q", "Q", 20) if big else ("I", "H", 12)
    at = 8 if big else 4
    try:
        while start := struct.unpack(order + offset, read(at, struct.calcsize(offset)))[0]:
            yield start
            length = struct.calcsize(number)
            at = start + length + width * struct.unpack(order + number, read(start, length))[0]
    except (struct.error, OverflowError, OSError, ValueError):
        return


def _subfile_type(read: Reader, start: int | None = None) -> int:
    """NewSubfileType of a directory; 0 if there is none."""
    for tag, kind, count, where in _entries(read, start):
        if tag == _SUBFILE_TYPE and kind in (3, 4) and count == 1:
            size = 2 * kind - 4
            value = read(where, size)
            return int.from_bytes(value, "big" if _order(read(0, 2)) == ">" else "little")
    return 0


def orientation(info: Mapping[Any, Any]) -> int:
    """EXIF orientation of a picture, 1 to 8; 1 if there is none.

    Args:
        info: `Image.info` of Pillow.

    Source: EXIF 2.32, tag 0x0112.
    """
    block = _exif_block(info)
    for tag, kind, count, where in _entries(within_block(block)):
        if tag == _ORIENTATION and count == 1 and kind in (3, 4):
            value = struct.unpack_from(_order(block) + "HI"[kind - 3], block, where)[0]
            if 1 <= value <= 8:
                return int(value)
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
    match = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp) if isinstance(xmp, bytes) else None
    return int(match[1]) if match else 1


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
    block = _exif_block(info)
    texts: dict[int, str] = {}
    starts: list[int | None] = [None]
    for start in starts:
        for tag, kind, count, where in _entries(within_block(block), start):
            if tag in (_MAKE, _MODEL, _TAKEN, _SERIAL) and kind == 2:
                texts.setdefault(tag, _text(block[where : where + min(count, _LONGEST)]))
            elif (
                tag == _EXIF and len(starts) == 1 and len(pointer := block[where : where + 4]) == 4
            ):
                starts.append(struct.unpack(_order(block) + "I", pointer)[0])
    make, model = texts.get(_MAKE, ""), texts.get(_MODEL, "")
    device = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    if device and (serial := texts.get(_SERIAL)):
        device += f" #{hashlib.blake2b(serial.encode(), digest_size=2).hexdigest()}"
    return _day(texts.get(_TAKEN, "")), device


def within_block(block: bytes) -> Reader:
    """A reader of bytes in memory."""
    return lambda at, count: block[at : at + count]


def _order(head: bytes) -> str:
    return ">" if head[:2] == b"MM" else "<"


def _unpacked_profile(text: object) -> bytes | None:
    """EXIF as ImageMagick writes it to PNG: hexadecimal lines below a heading."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None
    except ValueError:
        return None


def _exif_block(info: Mapping[Any, Any]) -> bytes:
    """The EXIF block of a picture, a TIFF file without pixels; empty if there is none."""
    block = info.get("exif") or _unpacked_profile(info.get("Raw profile type exif"))
    return block.removeprefix(b"Exif\0\0") if isinstance(block, bytes) else b""


def _text(value: bytes) -> str:
    text = value.split(b"\0")[0].decode("utf-8", "replace")
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _day(captured: str) -> str:
    """The day of `2024:05:01 10:22:33`; empty if there is no such day."""
    try:
        day = datetime.datetime.strptime(captured[:10].replace("-", ":"), "%Y:%m:%d").date()
    except ValueError:
        return ""
    return day.isoformat() if day.year >= 1990 else ""  # clocks that were never set
