"""Write AVIF and HEIC files box by box, also contradictory ones."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Pieces = list[tuple[int, int]]


def box(kind: bytes, *content: bytes) -> bytes:
    """A box."""
    joined = b"".join(content)
    return struct.pack(">I4s", len(joined) + 8, kind) + joined


def full_box(kind: bytes, version: int, *content: bytes) -> bytes:
    """A box with a version."""
    return box(kind, struct.pack(">I", version << 24), *content)


def ispe(width: int, height: int) -> bytes:
    """The property that declares a size."""
    return full_box(b"ispe", 0, struct.pack(">II", width, height))


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    """The content of an item that is put together from tiles."""
    return struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)


@dataclass(frozen=True)
class Item:
    """An item of a file.

    Attributes:
        properties: places in the list of properties, from 1.
        parts: ids of the items that it is put together from.
        cuts: where its content is cut into pieces.
        between: what follows each piece in the file.
    """

    kind: bytes
    content: bytes
    properties: tuple[int, ...]
    parts: tuple[int, ...] = ()
    cuts: tuple[int, ...] = ()
    between: bytes = b""


def build(
    brand: bytes, items: Sequence[Item], properties: Sequence[bytes], *, in_box: bool = False
) -> bytes:
    """A file of items with the ids 1, 2, …, of which the first is its picture.

    Args:
        in_box: whether contents are in a box of data beside their description.
    """
    content, places = b"", []
    for item in items:
        pieces: Pieces = []
        for start, end in zip((0, *item.cuts), (*item.cuts, len(item.content)), strict=True):
            pieces.append((len(content), end - start))
            content += item.content[start:end] + item.between
        places.append(pieces)
    head = box(b"ftyp", brand, bytes(4), brand, b"mif1miaf")

    def meta(start: int) -> bytes:
        return full_box(
            b"meta",
            0,
            full_box(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", 0, b"\0\1"),
            _locations(places, start, in_box=in_box),
            _kinds(items),
            box(b"iprp", box(b"ipco", *properties), _associations(items, properties)),
            _references(items),
            box(b"idat", content) if in_box else b"",
        )

    if in_box:
        return head + meta(0)
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", content)


def parts_of(content: bytes) -> tuple[list[bytes], bytes]:
    """The properties of the first item of a file as an encoder writes it, and its content."""
    found, at = [], content.index(b"ipco") + 4
    end = content.index(b"ipma") - 4
    while at < end:
        (size,) = struct.unpack_from(">I", content, at)
        found.append(content[at : at + size])
        at += size
    wanted = (b"ispe", b"pixi", b"av1C", b"hvcC")
    return [each for each in found if each[4:8] in wanted], content[content.index(b"mdat") + 4 :]


def _locations(places: Sequence[Pieces], start: int, *, in_box: bool) -> bytes:
    lines = b"".join(
        struct.pack(">HHHH", number, in_box, 0, len(pieces))
        + b"".join(struct.pack(">II", start + at, size) for at, size in pieces)
        for number, pieces in enumerate(places, 1)
    )
    return full_box(b"iloc", 1, struct.pack(">HH", 0x4400, len(places)), lines)


def _kinds(items: Sequence[Item]) -> bytes:
    entries = (
        full_box(b"infe", 2, struct.pack(">HH4s", number, 0, item.kind), b"\0")
        for number, item in enumerate(items, 1)
    )
    return full_box(b"iinf", 0, struct.pack(">H", len(items)), *entries)


def _associations(items: Sequence[Item], properties: Sequence[bytes]) -> bytes:
    lines = struct.pack(">I", len(items))
    for number, item in enumerate(items, 1):
        essential = (properties[n - 1][4:8] in (b"av1C", b"hvcC") for n in item.properties)
        marked = (n | 0x80 * each for n, each in zip(item.properties, essential, strict=True))
        lines += struct.pack(">HB", number, len(item.properties)) + bytes(marked)
    return full_box(b"ipma", 0, lines)


def _references(items: Sequence[Item]) -> bytes:
    boxes = (
        box(b"dimg", struct.pack(f">HH{len(item.parts)}H", number, len(item.parts), *item.parts))
        for number, item in enumerate(items, 1)
        if item.parts
    )
    joined = b"".join(boxes)
    return full_box(b"iref", 0, joined) if joined else b""
