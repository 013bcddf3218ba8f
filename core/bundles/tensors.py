"""Read safetensors from a stranger: names, shapes and offsets are checked before any number is.

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
"""Longest header; the longest that Tusker writes has 30 KB."""
LENGTH = 8
BLOCK = 1 << 20
ITEM = 4
"""Bytes of a number: float32 is the only type."""
DIMENSIONS = 4

Shapes = dict[str, tuple[int, ...]]


class Tensors:
    """One safetensors file whose header has been read; its numbers are read as they pass by."""

    def __init__(self, member: Member) -> None:
        """Read the header.

        Raises:
            BadArchive: the zip is damaged there.
            BadBundle: it is no safetensors file, or not one that Tusker writes.
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
        """Shapes by name, in the order of the numbers."""
        return {name: shape for name, (shape, _) in self._places.items()}

    def require(self, expected: Shapes) -> None:
        """Refuse other names or shapes than these.

        Raises:
            BadBundle: it says which is wrong first.
        """
        for name in self.shapes:
            if name not in expected:
                raise self._wrong(f"it holds {name[:60]!r}, which this model does not have")
        for name, shape in expected.items():
            if name not in self.shapes:
                raise self._wrong(f"{name} is missing")
            if self.shapes[name] != shape:
                raise self._wrong(
                    f"{name} has the shape {_said(self.shapes[name])}, not {_said(shape)}"
                )

    def digest(self) -> str:
        """SHA-256 of the whole file, in hex, all of whose numbers were seen to be finite.

        Raises as `numbers`.
        """
        for _ in self.numbers():
            pass
        return self._digest.hexdigest()

    def numbers(self) -> Iterator[bytes]:
        """The numbers that have not passed by yet, a block at a time; every one is finite.

        Raises:
            BadArchive: the zip is damaged there.
            BadBundle: a number is not finite.
        """
        while self._left:
            block = self._take(min(BLOCK, self._left))
            self._left -= len(block)
            if not np.isfinite(np.frombuffer(block, "<f4")).all():
                raise self._wrong("some of its numbers are not finite")
            self._digest.update(block)
            yield block
        if self._buffer or next(self._chunks, None) is not None:
            raise self._wrong("it goes on after its end")

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array; only for files that are known to be small. Raises as `numbers`."""
        content = b"".join(self.numbers())
        found = {}
        for name, (shape, begin) in self._places.items():
            count = math.prod(shape)
            found[name] = np.frombuffer(content, "<f4", count, begin if count else 0).reshape(shape)
        return found

    def _parsed(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Shape and first byte of each array, in the order of the numbers."""
        try:
            header = json.loads(self._head.decode("utf-8"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:  # a wrong encoding is a ValueError too
            raise self._wrong("its header is not JSON of plain names") from error
        if not isinstance(header, dict) or not self._head.startswith(b"{"):
            raise self._wrong("its header does not list arrays")
        places = sorted((*self._place(name, said), name) for name, said in header.items())
        at = 0
        for begin, end, _, name in places:
            if begin != at:
                raise self._wrong(f"{name[:60]!r} overlaps another array or leaves a gap")
            at = end
        if at != self._left:
            raise self._wrong(f"its header is about {at:,} bytes, {self._left:,} follow")
        return {name: (shape, begin) for begin, _, shape, name in places}

    def _place(self, name: str, said: Any) -> tuple[int, int, tuple[int, ...]]:
        """First byte, byte after the last, and shape of one array, as the header says."""
        if not isinstance(said, dict) or set(said) != {"dtype", "shape", "data_offsets"}:
            raise self._wrong(f"its header says nothing clear of {name[:60]!r}")
        shape, offsets = said["shape"], said["data_offsets"]
        if said["dtype"] != "F32":
            raise self._wrong(f"{name[:60]!r} is not float32")
        if not (_counts(shape) and _counts(offsets)) or len(offsets) != 2:
            raise self._wrong(f"its header says nothing clear of {name[:60]!r}")
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
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _wrong(self, what: str) -> BadBundle:
        return BadBundle(f"{self._name} of this bundle is not what Tusker writes: {what}.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose names occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _counts(values: Any) -> bool:
    """Whether these are whole numbers from 0 that a file can be about."""
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 1 << 48 for value in values
    )


def _said(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "of a single number"
