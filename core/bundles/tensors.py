"""Read untrusted safetensors: names, shapes and offsets are checked before any value is read.

Source: https://github.com/huggingface/safetensors, "Format".
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from core.bundles.members import Member
from core.errors import BadBundle

HEADER_BYTES = 256 * 1024
"""Largest header; the largest that Tusker writes has 30 KB."""
LENGTH = 8
BLOCK = 1 << 20
ITEM = 4
"""Bytes per value; float32 is the only type."""
DIMENSIONS = 4

Shapes = dict[str, tuple[int, ...]]


class Tensors:
    """A safetensors file whose header has been read; its values are streamed."""

    def __init__(self, member: Member) -> None:
        """Read the header.

        Raises:
            BadArchive: the zip is damaged there.
            BadBundle: not a safetensors file, or not one that Tusker writes.
        """
        self._name, self._chunks = member.name, member.chunks()
        self._buffer = bytearray()
        first = self._take(LENGTH)
        length = int.from_bytes(first, "little")
        self._left = member.size - LENGTH - length
        if length > HEADER_BYTES or self._left < 0:
            raise self._wrong(f"a header of {length:,} bytes is more than it may have")
        self._head = self._take(length)
        self._places = self._parsed()
        self._digest = hashlib.sha256(first + self._head)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in the order of the values."""
        return {name: shape for name, (shape, _) in self._places.items()}

    def require(self, expected: Shapes) -> None:
        """Check that names and shapes are exactly these.

        Raises:
            BadBundle: names the first difference.
        """
        for name in self.shapes:
            if name not in expected:
                raise self._wrong(f"it holds {name[:60]!r}, which this model does not have")
        for name, shape in expected.items():
            if name not in self.shapes:
                raise self._wrong(f"{name} is missing")
            if self.shapes[name] != shape:
                raise self._wrong(
                    f"{name} has the shape {_text(self.shapes[name])}, not {_text(shape)}"
                )

    def digest(self) -> str:
        """SHA-256 of the whole file, in hex; all values are checked to be finite.

        Raises as `blocks`.
        """
        for _ in self.blocks():
            pass
        return self._digest.hexdigest()

    def blocks(self) -> Iterator[bytes]:
        """The remaining values as bytes, in blocks; every value is finite.

        Raises:
            BadArchive: the zip is damaged there.
            BadBundle: a value is not finite.
        """
        while self._left:
            block = self._take(min(BLOCK, self._left))
            self._left -= len(block)
            if not np.isfinite(np.frombuffer(block, "<f4")).all():
                raise self._wrong("some of its numbers are not finite")
            self._digest.update(block)
            yield block
        if self._buffer or next(self._chunks, None) is not None:
            raise self._wrong("it continues after its end")

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array; only for files that are known to be small. Raises as `blocks`."""
        content = b"".join(self.blocks())
        arrays = {}
        for name, (shape, begin) in self._places.items():
            count = math.prod(shape)
            values = np.frombuffer(content, "<f4", count, begin if count else 0)
            arrays[name] = values.reshape(shape)
        return arrays

    def _parsed(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Shape and first byte of each array, in the order of the values."""
        try:
            header = json.loads(self._head.decode("utf-8"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:  # a wrong encoding is a ValueError too
            raise self._wrong("its header is not JSON of plain names") from error
        if not isinstance(header, dict) or not self._head.startswith(b"{"):
            raise self._wrong("its header does not list arrays")
        places = sorted((*self._place(name, entry), name) for name, entry in header.items())
        at = 0
        for begin, end, _, name in places:
            if begin != at:
                raise self._wrong(f"{name[:60]!r} overlaps another array or leaves a gap")
            at = end
        if at != self._left:
            raise self._wrong(f"its header is about {at:,} bytes, {self._left:,} follow")
        return {name: (shape, begin) for begin, _, shape, name in places}

    def _place(self, name: str, entry: Any) -> tuple[int, int, tuple[int, ...]]:
        """First byte, byte after the last, and shape of an array, from its header entry."""
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise self._wrong(f"its header is unclear about {name[:60]!r}")
        shape, offsets = entry["shape"], entry["data_offsets"]
        if entry["dtype"] != "F32":
            raise self._wrong(f"{name[:60]!r} is not float32")
        if not (_counts(shape) and _counts(offsets)) or len(offsets) != 2:
            raise self._wrong(f"its header is unclear about {name[:60]!r}")
        begin, end = offsets
        if len(shape) > DIMENSIONS or end - begin != ITEM * math.prod(shape):
            raise self._wrong(f"the size of {name[:60]!r} is not that of its shape")
        return begin, end, tuple(shape)

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise self._wrong("it ends too early")
            self._buffer += chunk
        content = bytes(self._buffer[:count])
        del self._buffer[:count]
        return content

    def _wrong(self, what: str) -> BadBundle:
        return BadBundle(f"{self._name} of this bundle is not what Tusker writes: {what}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object without duplicate names."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def _counts(values: Any) -> bool:
    """Whether these are non-negative integers of a plausible size."""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 1 << 48 for value in values
    )


def _text(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "of a single number"
