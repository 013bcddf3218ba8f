"""Read and check the tag directories of TIFF, BigTIFF and EXIF."""

import datetime
import hashlib
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from core.errors import BadImage

# All tags of a TIFF or EXIF directory together; Photoshop stores layers in one.
TAG_BYTES = 32 << 20
TAG_NUMBERS = 1 << 18  # numbers among them: each becomes a Python object
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TYPE_BYTES |= {16: 8, 17: 8, 18: 8}
_SHORT, _LONG = 3, 4  # types of numbers of 16 and 32 bits
MOST_DIRECTORIES, MOST_ENTRIES = 100, 65_535
FIRST_ENTRIES = 16
"""Entries that may come before NewSubfileType: they are sorted, and its number is the lowest."""
_COPY_OR_MASK = 0b101
"""Bits of NewSubfileType: a smaller copy, and a mask (TIFF 6.0)."""
_SUBFILE_TYPE, _SUB_IFDS, _DNG_VERSION = 254, 330, 50_706
_ORIENTATION, _EXIF, _GPS, _INTEROP = 0x0112, 0x8769, 0x8825, 0xA005
_MAKE, _MODEL, _TAKEN, _SERIAL = 0x010F, 0x0110, 0x9003, 0xA431
_LONGEST = 60
"""Characters of a text that are read."""
Entry = tuple[int, int, int, int]  # tag, type, count, offset of the value
RAW = "a camera raw file"

Content = bytes | memoryview
Block = TypeVar("Block", bytes, memoryview)


def check_tags(file: Content) -> None:
    """Add up the sizes of all tags of a directory and its subdirectories."""
    total = numbers = 0
    for _, kind, count, _ in _Tiff(file).all_entries():
        total += _TYPE_BYTES.get(kind, 0) * count
        numbers += 0 if kind in (1, 2, 7) else count
    if total > TAG_BYTES or numbers > TAG_NUMBERS:
        raise BadImage(
            "This picture is damaged, or has too many or too large tags. Save it again without its "
            "metadata."
        )


def check_raw(file: bytes) -> None:
    """Refuse camera raw, and other TIFFs that begin with a small preview or a mask of a picture.

    Source: Adobe DNG 1.7, tags NewSubfileType and DNGVersion; TIFF/EP, SubIFDs.
    """
    tiff = _Tiff(file)
    entries = tiff.entries()
    tags = {tag for tag, *_ in entries}
    partial = tiff.subfile_type(entries) & _COPY_OR_MASK
    if _DNG_VERSION in tags or (partial and _SUB_IFDS in tags) or file[8:11] == b"CR\2":
        raise BadImage(f"Found {RAW}, which Tusker does not read. Save it as JPEG or PNG.")
    if partial and tiff.has_pages():
        raise BadImage(
            "This TIFF begins with a preview or a mask of its picture, and Tusker reads only the "
            "first page. Save the picture as JPEG or PNG."
        )


def has_pages(file: bytes) -> bool:
    """Whether a TIFF has more than one picture, apart from smaller copies and masks."""
    return _Tiff(file).has_pages()


class _Tiff:
    """Reads the directories of a TIFF, a BigTIFF or an EXIF block."""

    def __init__(self, file: Content) -> None:
        head = bytes(file[:4])
        order = ">" if head[:2] == b"MM" else "<"
        is_big = head[2:4] in (b"+\0", b"\0+")
        self._file = file
        self.short, self.long = struct.Struct(f"{order}H"), struct.Struct(f"{order}I")
        self._pointer = struct.Struct(f"{order}Q") if is_big else self.long
        self._count = self._pointer if is_big else self.short
        self._entry = struct.Struct(f"{order}{'HHQ' if is_big else 'HHI'}")
        self._width = self._entry.size + self._pointer.size
        self._first = 8 if is_big else 4

    def number(self, form: struct.Struct, at: int) -> int:
        """A number.

        Raises:
            struct.error: the file ends before.
        """
        return int(form.unpack(self._file[at : at + form.size])[0])

    def entries(self, start: int | None = None, most: int = MOST_ENTRIES) -> list[Entry]:
        """The first entries of a directory, or of the first directory; empty if there is none."""
        try:
            start = self.number(self._pointer, self._first) if start is None else start
            count = self.number(self._count, start)
        except struct.error:
            return []
        first = start + self._count.size
        block = self._file[first : first + min(count, most) * self._width]
        entries: list[Entry] = []
        for at in range(0, len(block) - self._width + 1, self._width):
            tag, kind, number = self._entry.unpack_from(block, at)
            value = at + self._entry.size
            where = first + value
            if _TYPE_BYTES.get(kind, 0) * number > self._pointer.size:
                (where,) = self._pointer.unpack_from(block, value)
            entries.append((tag, kind, number, where))
        return entries

    def all_entries(self) -> Iterator[Entry]:
        """The entries of the first directory, then those of its subdirectories."""
        starts: list[int | None] = [None]
        for start in starts:
            for entry in self.entries(start):
                yield entry
                tag, _, count, where = entry
                if tag in (_EXIF, _GPS, _INTEROP) and count == 1 and len(starts) < 8:
                    with suppress(struct.error):
                        starts.append(self.number(self.long, where))

    def directories(self) -> list[int]:
        """Offsets of the directories, one after the other, until one leads back."""
        starts: list[int] = []
        at = self._first
        with suppress(struct.error):
            while len(starts) < MOST_DIRECTORIES:
                if (start := self.number(self._pointer, at)) in (0, *starts):
                    break
                starts.append(start)
                at = start + self._count.size + self._width * self.number(self._count, start)
        return starts

    def numbers(self, wanted: int, entries: list[Entry]) -> Iterator[int]:
        """The values of a tag that is one number of 16 or 32 bits."""
        for tag, kind, count, where in entries:
            if tag == wanted and count == 1 and kind in (_SHORT, _LONG):
                yield self.number(self.short if kind == _SHORT else self.long, where)

    def subfile_type(self, entries: list[Entry]) -> int:
        """NewSubfileType of a directory; 0 if there is none."""
        return next(self.numbers(_SUBFILE_TYPE, entries), 0)

    def has_pages(self) -> bool:
        """Whether a directory after the first is neither a smaller copy nor a mask."""
        others = (self.entries(start, FIRST_ENTRIES) for start in self.directories()[1:])
        return any(not self.subfile_type(entries) & _COPY_OR_MASK for entries in others)


def orientation(info: Mapping[Any, Any]) -> int:
    """EXIF orientation of a picture, 1 to 8; 1 if there is none.

    Args:
        info: `Image.info` of Pillow.

    Source: EXIF 2.32, tag 0x0112.
    """
    tiff = _Tiff(_exif_block(info))
    for value in tiff.numbers(_ORIENTATION, tiff.entries()):
        if 1 <= value <= 8:
            return value
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
    for tag, kind, count, where in _Tiff(block).all_entries():
        if tag in (_MAKE, _MODEL, _TAKEN, _SERIAL) and kind == 2:
            texts.setdefault(tag, _text(block[where : where + min(count, _LONGEST)]))
    make, model = texts.get(_MAKE, ""), texts.get(_MODEL, "")
    device = model if model.casefold().startswith(make.casefold()) else f"{make} {model}".strip()
    if device and (serial := texts.get(_SERIAL)):
        device += f" #{hashlib.blake2b(serial.encode(), digest_size=2).hexdigest()}"
    return _day(texts.get(_TAKEN, "")), device


def without_headings(block: Block) -> Block:
    """A block of EXIF without its heading; Pillow adds another one to that of some programs."""
    for _ in range(2):
        block = block[6:] if block[:6] == b"Exif\0\0" else block
    return block


def _unpacked_profile(text: object) -> bytes | None:
    """EXIF as ImageMagick writes it to PNG: hexadecimal lines below a heading."""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None
    except ValueError:
        return None


def _exif_block(info: Mapping[Any, Any]) -> bytes:
    """The EXIF block of a picture, a TIFF file without pixels; empty if there is none."""
    block = info.get("exif") or _unpacked_profile(info.get("Raw profile type exif"))
    if not isinstance(block, bytes):
        return b""
    return without_headings(block)


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
