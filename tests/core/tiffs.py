"""Write TIFFs that Pillow reads but does not write."""

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

DEFLATE = 8
_TYPES = {3: "H", 4: "I", 9: "i", 11: "f"}


def tiff(
    planes: Sequence[np.ndarray],
    photometric: int,
    *,
    order: str = "<",
    compression: int = 1,
    form: int = 1,
    tags: Mapping[int, tuple[int, Sequence[float]]] | None = None,
) -> bytes:
    """A TIFF of one strip per plane.

    Args:
        planes: (h, w) each, or one of (h, w, samples).
        order: of bytes as in `struct`.
        compression: 1 or `DEFLATE`.
        form: of the numbers: 1 for unsigned, 2 for signed, 3 for floating-point.
        tags: type and values of others, or in place of those that follow from the planes.
    """
    height, width = planes[0].shape[:2]
    is_separate = planes[0].ndim == 2
    samples = len(planes) if is_separate else planes[0].shape[2]
    strips = [plane.astype(plane.dtype.newbyteorder(order)).tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if compression == DEFLATE else strips
    values: dict[int, tuple[int, Sequence[float]]] = {
        256: (3, [width]),
        257: (3, [height]),
        258: (3, [8 * planes[0].itemsize] * samples),
        259: (3, [compression]),
        262: (3, [photometric]),
        273: (4, (8 + np.cumsum([0, *map(len, strips[:-1])])).tolist()),
        277: (3, [samples]),
        278: (3, [height]),
        279: (4, [len(strip) for strip in strips]),
        284: (3, [2 if is_separate else 1]),
        339: (3, [form] * samples),
        **(tags or {}),
    }
    body = b"".join(strips)
    body += bytes(len(body) % 2)
    start = 8 + len(body)
    entries, others = b"", b""
    for tag, (kind, numbers) in sorted(values.items()):
        field = struct.pack(f"{order}{len(numbers)}{_TYPES[kind]}", *numbers)
        if len(field) > 4:
            place = start + 2 + 12 * len(values) + 4 + len(others)
            others += field + bytes(len(field) % 2)
            field = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + field.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    directory = struct.pack(f"{order}H", len(values)) + entries + bytes(4)
    return head + body + directory + others


def colours_of_16_bits(values: np.ndarray, order: str = "<", *, packed: bool = False) -> bytes:
    """A TIFF of (h, w, 3) numbers below 65,536."""
    return tiff([values.astype(np.uint16)], 2, order=order, compression=DEFLATE if packed else 1)
