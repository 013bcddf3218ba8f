"""Compress float32 weights for the browser: 24 bits each, in byte planes, with gzip."""

from __future__ import annotations

import gzip

import numpy as np

DROPPED_BITS = 8
"""Of a float32's 23 bits of fraction. Dropping 8 moves probabilities by up to 0.0002; float16 would
drop 13 and move them by up to 0.007."""
GZIP_LEVEL = 1
"""Exponents shrink at any level, fractions at none."""


def round_fraction(values: np.ndarray) -> np.ndarray:
    """Round float32 numbers to 16 bits of fraction: to nearest, ties to even.

    Args:
        values: float32 of any shape, finite.

    Returns:
        The same shape, float32, whose lowest byte is zero; off by at most 2⁻¹⁶ of each.
    """
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    odd = (bits >> np.uint32(DROPPED_BITS)) & np.uint32(1)
    raised = bits + np.uint32((1 << (DROPPED_BITS - 1)) - 1) + odd
    return (raised & ~np.uint32((1 << DROPPED_BITS) - 1)).view(np.float32)


def squeeze(content: bytes) -> bytes:
    """Compress a file that is mostly float32 numbers.

    The first bytes of all words come first, then all second bytes, and so on: gzip compresses
    exponents and zeros only where they are adjacent. The browser reverses this in `parts.js`.

    Returns:
        gzip; up to three zero bytes are added to the content to fill its last word.
    """
    padded = content + bytes(-len(content) % 4)
    planes = np.frombuffer(padded, np.uint8).reshape(-1, 4).T
    return gzip.compress(planes.tobytes(), GZIP_LEVEL, mtime=0)
