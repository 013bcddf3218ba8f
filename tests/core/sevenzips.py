"""Write 7z archives with arbitrary, also contradictory, fields."""

import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence

Coder = tuple[bytes, bytes]
COPY: Coder = (b"\0", b"")
LZMA2: Coder = (b"\x21", b"\x10")
AES: Coder = (b"\6\xf1\7\1", b"\x13\0")


def number(value: int) -> bytes:
    """A number of a header."""
    return bytes([value]) if value < 0x80 else b"\xff" + struct.pack("<Q", value)


def packed(content: bytes) -> bytes:
    """The content in LZMA2."""
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    return lzma.compress(content, lzma.FORMAT_RAW, filters=filters)


def streams(at: int, size: int, coders: Sequence[Coder], sizes: Sequence[int]) -> bytes:
    """The description of one block with one packed stream, without checksums."""
    chain = b"".join(
        bytes([len(method) | 0x20 * bool(properties)])
        + method
        + (number(len(properties)) + properties if properties else b"")
        for method, properties in coders
    )
    chain += b"".join(number(n) + number(n + 1) for n in range(len(coders) - 1))
    whole = sum(sizes)
    return (
        b"\6" + number(at) + b"\1\x09" + number(size) + b"\0"
        b"\7\x0b\1\0" + number(len(coders)) + chain + b"\x0c" + number(whole) * len(coders) + b"\0"
        b"\x08\x0d" + number(len(sizes)) + b"\x09" + b"".join(map(number, sizes[:-1]))
    )


def header(
    files: Mapping[str, bytes],
    coders: Sequence[Coder] = (COPY,),
    size: int | None = None,
    sizes: Sequence[int] = (),
    attributes: int = 0,
) -> bytes:
    """The header of an archive with one block.

    Args:
        files: by name.
        coders: of the block, the last to apply first.
        size: of the packed bytes.
        sizes: of the files, if others are to be declared.
        attributes: of all files.
    """
    contents = b"".join(files.values())
    sizes = sizes or [len(content) for content in files.values()]
    checksums = b"".join(struct.pack("<I", zlib.crc32(content)) for content in files.values())
    names = b"\0" + b"".join(name.encode("utf-16-le") + b"\0\0" for name in files)
    flags = b"\1\0" + struct.pack("<I", attributes) * len(files)
    return (
        b"\1\4"
        + streams(0, len(contents) if size is None else size, coders, sizes)
        + b"\x0a\1" + checksums + b"\0\0"
        + b"\5" + number(len(files))
        + b"\x11" + number(len(names)) + names
        + b"\x15" + number(len(flags)) + flags
        + b"\0\0"
    )  # fmt: skip


def archive(content: bytes, head: bytes, size: int | None = None) -> bytes:
    """An archive of packed bytes and a header, whose declared size may be another."""
    start = struct.pack("<2QI", len(content), len(head) if size is None else size, zlib.crc32(head))
    signature = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start))
    return signature + start + content + head


def build(files: Mapping[str, bytes], attributes: int = 0) -> bytes:
    """An archive packed by LZMA2."""
    content = packed(b"".join(files.values()))
    return archive(content, header(files, [LZMA2], len(content), attributes=attributes))
