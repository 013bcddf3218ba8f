"""Colour profiles: a wide one, like Display P3, sRGB, and one of light grey."""

import struct

from PIL import ImageCms


def _fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65_536)) for value in values)


def _matrix_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float) -> bytes:
    """A profile of the kind that monitors have (ICC.1:2001, version 2.1)."""
    tags = {}
    for name, xyz in zip(b"rgb", primaries, strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*xyz)
        tags[bytes([name]) + b"TRC"] = _curve(gamma)
    return _profile(b"RGB ", tags)


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def _profile(space: bytes, more: dict[bytes, bytes]) -> bytes:
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + bytes(82),
        b"cprt": b"text\0\0\0\0none",
        b"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1, 0.8249),
        **more,
    }
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, content in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I", start + len(body)) + b"lcms\2\x10\0\0mntr" + space + b"XYZ "
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (head + _fixed(0.9642, 1, 0.8249)).ljust(128, b"\0") + table + body


WIDE = _matrix_profile(
    ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)), 2.2
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = _profile(b"GRAY", {b"kTRC": _curve(1.4)})


def with_elements(count: int) -> bytes:
    """The wide profile with a tag of processing elements, each of which swaps red and blue."""
    swap = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, *(0, 0, 1, 0, 1, 0, 1, 0, 0), *(0,) * 3)
    places = struct.pack(">II", 16 + 8 * count, len(swap)) * count
    content = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, count) + places + swap
    tags, table = int.from_bytes(WIDE[128:132], "big"), 132
    rows = [bytearray(WIDE[at : at + 12]) for at in range(table, table + 12 * tags, 12)]
    for row in rows:  # they follow one more row
        row[4:8] = struct.pack(">I", int.from_bytes(row[4:8], "big") + 12)
    body = WIDE[table + 12 * tags :]
    row = b"D2B0" + struct.pack(">II", len(WIDE) + 12, len(content))
    head = struct.pack(">I", len(WIDE) + 12 + len(content)) + WIDE[4:8] + b"\4\x30" + WIDE[10:128]
    return head + struct.pack(">I", tags + 1) + b"".join(map(bytes, rows)) + row + body + content
