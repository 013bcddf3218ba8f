"""Write TIFFs in colours of 16 bits, which Pillow reads but does not write."""

import struct
import zlib

import numpy as np


def colours_of_16_bits(values: np.ndarray, order: str = "<", *, packed: bool = False) -> bytes:
    """A TIFF of (h, w, 3) numbers below 65,536; `order` of bytes as in `struct`."""
    height, width, _ = values.shape
    at = 8 + 2 + 12 * 9 + 4
    bits = struct.pack(f"{order}3H", 16, 16, 16)
    body = values.astype(f"{order}u2").tobytes()
    body = zlib.compress(body) if packed else body
    tags = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, at),
        (259, 4, 1, 8 if packed else 1),  # deflate or nothing
        (262, 4, 1, 2),  # RGB
        (273, 4, 1, at + len(bits)),
        (277, 4, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, len(body)),
    ]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    entries = b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
    return head + entries + bytes(4) + bits + body
