"""Decode packed bytes chunk by chunk: deflate of zips, gzip of tars, and the coders of 7z."""

import bz2
import lzma
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol

from core.archive.entry import MAKE_AGAIN
from core.errors import BadArchive, LimitExceeded
from core.settings import MEGABYTE

CHUNK = 1 << 16
MEMBERS = 100_000
"""Most members of a gzip file. Ordinary files have one, those of bgzip one per 64 KB."""
DICTIONARY_BYTES = 256 * MEGABYTE
"""Most unpacked bytes that LZMA may keep in memory."""
MOST_BITS = 4
"""Largest sum of `lc` and `lp` that `lzma` takes."""
_COPY, _LZMA, _LZMA2, _BZIP2, _DEFLATE = b"\0", b"\3\1\1", b"\x21", b"\4\2\2", b"\4\1\x08"
_FILTERS = {b"\3": lzma.FILTER_DELTA, b"\4": lzma.FILTER_X86, b"\3\3\1\3": lzma.FILTER_X86}
_KNOWN = {_COPY, _LZMA, _LZMA2, _BZIP2, _DEFLATE, *_FILTERS}
DECOMPRESSORS = {_LZMA, _LZMA2, _BZIP2, _DEFLATE}
"""Methods of which a block may have one: their results may be far larger than what they read."""
_PROPERTIES = {_LZMA: 5, _LZMA2: 1, b"\3": 1}  # in bytes
_ENCRYPTION = b"\6\xf1\7\1"
_OTHERS = {
    b"\3\4\1": "PPMd",
    b"\4\1\x09": "Deflate64",
    b"\3\3\1\x1b": "BCJ2",
    b"\x0a": "ARM64",
    _LZMA: "LZMA with unusual parameters",
    b"\4\xf7\x11\1": "Zstandard",
    b"\4\xf7\x11\2": "Brotli",
    b"\4\xf7\x11\4": "LZ4",
}


class Coder(NamedTuple):
    """A coder of a 7z archive: the id of its method, and its properties."""

    method: bytes
    properties: bytes


class Stream(Protocol):
    """A source of bytes that can be read from any offset."""

    def seek(self, offset: int, /) -> object:
        """Continue from this offset."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes; none at the end."""


class UnpackedStream:
    """A stream of the unpacked bytes of parts, one after another; a damaged part ends early.

    To read from the middle of a part, what is before is unpacked, too.

    Args:
        parts: the size of each in bytes, and what starts to unpack it.
    """

    def __init__(self, parts: Sequence[tuple[int, Callable[[], Iterator[bytes]]]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(size for size, _ in parts))
        self._chunks: Iterator[bytes] = iter(())
        self._rest = memoryview(b"")
        self._at = self._end = self._wanted = 0

    def seek(self, offset: int) -> None:
        """Continue from this offset."""
        self._wanted = offset

    def read(self, count: int) -> bytes:
        """At most `count` bytes; none at the end of a part."""
        if not self._at <= self._wanted < self._end:
            self._start()
        while self._at < self._wanted and self._fill():
            self._take(self._wanted - self._at)
        if self._at != self._wanted or not self._fill():
            return b""
        taken = self._take(count)
        self._wanted = self._at
        return taken.tobytes()

    def _start(self) -> None:
        """Start the part that holds the wanted offset."""
        index = bisect_right(self._ends, self._wanted)
        if index < len(self._parts):
            size, start = self._parts[index]
            self._end = self._ends[index]
            self._chunks, self._rest, self._at = start(), memoryview(b""), self._end - size

    def _fill(self) -> bool:
        self._rest = self._rest or memoryview(next(self._chunks, b""))
        return bool(self._rest)

    def _take(self, count: int) -> memoryview:
        taken, self._rest = self._rest[:count], self._rest[count:]
        self._at += len(taken)
        return taken


def pieces(stream: Stream, start: int, size: int) -> Iterator[bytes]:
    """Yield the bytes of a part of a stream; fewer if it ends before."""
    stream.seek(start)
    while size and (piece := stream.read(min(CHUNK, size))):
        size -= len(piece)
        yield piece


def inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack deflate; what is damaged ends early."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in packed:
            while piece and not engine.eof:
                if chunk := engine.decompress(piece, CHUNK):
                    yield chunk
                piece = engine.unconsumed_tail
            if engine.eof:
                return
        if rest := engine.flush():
            yield rest
    except zlib.error:
        return


def gunzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip.

    `gzip` is not used here: it reads names byte by byte, and any number of empty members.

    Raises:
        BadArchive: it is damaged, or has very many members.
    """
    damaged = "This archive is damaged or incomplete. Upload it again."
    engine: Any = None  # of a member that has begun
    count = 0
    for piece in packed:
        while piece:
            if engine is None:
                piece = piece.lstrip(b"\0")  # padding
                count += bool(piece)
                if count > MEMBERS:
                    raise BadArchive(f"This archive consists of too many parts. {MAKE_AGAIN}")
                engine = zlib.decompressobj(16 + zlib.MAX_WBITS) if piece else None
                continue
            try:
                chunk = engine.decompress(piece, CHUNK)
            except zlib.error as error:
                raise BadArchive(damaged) from error
            piece = engine.unconsumed_tail
            if engine.eof:
                piece, engine = engine.unused_data, None
            if chunk:
                yield chunk
    if engine is not None:
        raise BadArchive(damaged)


def check(coder: Coder) -> None:
    """Check that a coder can be applied, in bounded memory.

    Raises:
        BadArchive: it encrypts, or it is of another method than those that are read.
        LimitExceeded: it takes too much memory.
    """
    method, properties = coder
    if method == _ENCRYPTION:
        raise BadArchive("This archive is encrypted. Make it without a password.")
    known = method in _KNOWN and len(properties) >= _PROPERTIES.get(method, 0)
    if not known or (method == _LZMA and sum(_bits(coder)[:2]) > MOST_BITS):
        raise BadArchive(
            "Expected a 7z archive packed by LZMA, LZMA2, BZip2 or Deflate, found "
            f"{_OTHERS.get(method, method.hex())}. Pack the pictures into a zip."
        )
    if method in (_LZMA, _LZMA2) and (needed := _dictionary(coder)) > DICTIONARY_BYTES:
        raise LimitExceeded(
            f"A 7z archive may have a dictionary of up to {DICTIONARY_BYTES // MEGABYTE} MB; this "
            f"one has {needed / MEGABYTE:,.0f}. Choose a smaller one, or pack a zip."
        )


def decoded(packed: Iterator[bytes], coders: Sequence[Coder], size: int) -> Iterator[bytes]:
    """Apply coders one after another; what is damaged ends early.

    Args:
        packed: chunks, as in the archive.
        coders: of one block, checked, the first to apply first.
        size: of the result, in bytes.
    """
    try:
        for coder in coders:
            packed = _applied(packed, coder, size)
        yield from packed
    except (lzma.LZMAError, OSError, ValueError):  # OSError: of bzip2
        return


def _applied(packed: Iterator[bytes], coder: Coder, size: int) -> Iterator[bytes]:
    method, properties = coder
    if method == _COPY:
        return packed
    if method == _DEFLATE:
        return inflated(packed)
    if method == _BZIP2:
        return _decompressed(packed, bz2.BZ2Decompressor())

    if method in (_LZMA, _LZMA2):
        # A larger dictionary than the result would be of no use.
        options = {"dict_size": max(min(_dictionary(coder), size), 1 << 12)}
        if method == _LZMA:
            options |= zip(("lc", "lp", "pb"), _bits(coder), strict=True)
        lzma_id = lzma.FILTER_LZMA1 if method == _LZMA else lzma.FILTER_LZMA2
        return _decompressed(packed, _raw({"id": lzma_id, **options}))
    plain = {"id": lzma.FILTER_LZMA2, "dict_size": CHUNK}
    before = {"id": _FILTERS[method]}
    if before["id"] == lzma.FILTER_DELTA:
        before["dist"] = properties[0] + 1
    return _decompressed(_as_lzma2(packed), _raw(before, plain))


def _bits(coder: Coder) -> tuple[int, int, int]:
    """`lc`, `lp` and `pb` of LZMA."""
    rest, lc = divmod(coder.properties[0], 9)
    return lc, rest % 5, rest // 5


def _dictionary(coder: Coder) -> int:
    """Declared size of a dictionary, in bytes.

    Source: LZMA SDK, lzma-specification.txt and Lzma2Dec.c.
    """
    if coder.method == _LZMA:
        return int.from_bytes(coder.properties[1:5], "little")
    power = coder.properties[0]
    return (2 | power & 1) << (power // 2 + 11)


def _raw(*filters: dict[str, Any]) -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)


def _decompressed(
    packed: Iterator[bytes], engine: lzma.LZMADecompressor | bz2.BZ2Decompressor
) -> Iterator[bytes]:
    for piece in packed:
        while not engine.eof:
            if chunk := engine.decompress(piece, CHUNK):
                yield chunk
            elif engine.needs_input:
                break
            piece = b""
        if engine.eof:
            return


def _as_lzma2(plain: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes as LZMA2 without compression: `lzma` has its filters only together with LZMA."""
    control = b"\1"
    for piece in plain:
        yield control + (len(piece) - 1).to_bytes(2, "big") + piece
        control = b"\2"
    yield b"\0"
