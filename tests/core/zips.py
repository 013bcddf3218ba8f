"""Write zips with arbitrary, also contradictory, fields."""

import struct
import zlib
from dataclasses import dataclass


@dataclass
class Part:
    """One entry; fields that are None get their correct values."""

    name: str | bytes
    content: bytes = b"hello"
    method: int = 0
    flags: int = 0x800
    system: int = 3
    mode: int = 0o100644
    size: int | None = None
    packed: bytes | None = None
    checksum: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    comment: bytes = b""

    @property
    def raw(self) -> bytes:
        """Bytes of the name."""
        return self.name if isinstance(self.name, bytes) else self.name.encode()

    @property
    def body(self) -> bytes:
        """The packed bytes."""
        if self.packed is not None:
            return self.packed
        if self.method == 8:
            engine = zlib.compressobj(9, zlib.DEFLATED, -15)
            return engine.compress(self.content) + engine.flush()
        return self.content

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Checksum, packed size, size."""
        checksum = zlib.crc32(self.content) if self.checksum is None else self.checksum
        return checksum, len(self.body), len(self.content) if self.size is None else self.size


def build(
    *parts: Part, count: int | None = None, comment: bytes = b"", before: bytes = b""
) -> bytes:
    """Bytes of a zip that declares `count` entries and follows the bytes `before`."""
    out, directory = bytearray(before), bytearray()
    for part in parts:
        name = part.raw if part.local_name is None else part.local_name
        offset = len(out) - len(before) if part.offset is None else part.offset
        if part.offset is None:
            out += b"PK\3\4" + struct.pack(
                "<5H3I2H", 20, part.flags, part.method, 0, 33, *part.sizes, len(name), 0
            )
            out += name + part.body
        directory += b"PK\1\2" + struct.pack(
            "<6H3I5H2I",
            part.system << 8 | 20,
            20,
            part.flags,
            part.method,
            0,
            33,
            *part.sizes,
            len(part.raw),
            0,
            len(part.comment),
            0,
            0,
            part.mode << 16,
            offset,
        )
        directory += part.raw + part.comment
    start = len(out) - len(before)
    number = len(parts) if count is None else count
    end = struct.pack("<4H2IH", 0, 0, number, number, len(directory), start, len(comment))
    return bytes(out + directory + b"PK\5\6" + end + comment)
