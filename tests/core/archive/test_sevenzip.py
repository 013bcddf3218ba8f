"""What is particular to 7z archives."""

import base64
import bz2
import lzma
import stat
import struct
import zlib
from pathlib import Path

import pytest

from core.archive.inspection import LINK
from core.archive.unpacking import DAMAGED, extract
from core.errors import BadArchive, LimitExceeded
from core.settings import Settings
from tests.core.sevenzips import AES, COPY, LZMA2, archive, build, header, number, packed, streams

# By 7-Zip 26.01: two folders, an empty file, an empty folder, a link; its header is packed.
BY_7ZIP = """
N3q8ryccAARSFlhakQAAAAAAAAAhAAAAAAAAAOwHDRwBABJ0d28gdHdvIHR3bzIuanBnb25lAAAAgTMHrg/Pbu6M
B8hDf0Gx+v3nLX3pdSCTx0UQJY8879YWQ+De2/I6ckBJFGrrWtbcYr/ZRuq50/P0Q72DbA5zGjxJo0VS6Bf5U0Ly
VJrRa8n5wpUhHlvZm1swzeQG8xr0la3SONdlKqUtDr0H87i16kg7ejrPAAAAFwYXAQl6AAcLAQABIwMBAQVdABAA
AAyAvgoB/PNGlwAA
"""
# By 7-Zip 26.01: jumps of a program, packed by BCJ and LZMA, which has no mark at its end.
JUMPS_BY_7ZIP = """
N3q8ryccAARZ7NwnUAAAAAAAAABOAAAAAAAAADKA9dUAdAE8GTCSepYwuAxsiNj//0YXno8CgHdAfld3f3qh9XMs
zEcybg3q/LDF/nsN4Vm+v1blpBUkNPvZ9vNWuGTW/iAm0JOVZDG6Ow9MpCADAAEEBgABCVAABwsBAAIjAwEBBV0A
EAAABAMDAQMBAAyA8IDwAAgKAbcZJjsAAAUBGQwAAAAAAAAAAAAAAAARBQB4AAAAFQYBACCApIEAAA==
"""
JUMPS = b"".join(b"\xe8" + bytes([n, 0, 0, 0, 9]) for n in range(40))
FILES = {"rose/1.jpg": b"one" * 500, "花/2.jpg": bytes(70_000), "rose/3.jpg": b"three"}


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def contents(path: Path, out: Path, **limits):
    found = extract(path, out, Settings(**limits))
    return found, {member.name: member.path.read_bytes() for member in found.members}


def test_what_7zip_writes_is_read(tmp_path):
    path = write(tmp_path / "a", base64.b64decode(BY_7ZIP))
    found, read = contents(path, tmp_path / "out")
    assert read == {"玫瑰/1.jpg": b"one", "b/2.jpg": b"two two two", "b/0.jpg": b""}
    assert {each.name: each.reason for each in found.skipped} == {"b/3.jpg": LINK}
    assert found.empty_folders == ("b/empty",)
    path = write(tmp_path / "b", base64.b64decode(JUMPS_BY_7ZIP))
    assert contents(path, tmp_path / "out2")[1] == {"x": JUMPS}


@pytest.mark.parametrize(
    ("coders", "filters"),
    [
        ([COPY], []),
        ([(b"\4\1\x08", b"")], "deflate"),
        ([(b"\4\2\2", b"")], "bzip2"),
        ([LZMA2], [{"id": lzma.FILTER_LZMA2}]),
        ([(b"\3\1\1", b"\x5d\0\0\x80\0")], [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16}]),
        (
            [(b"\3", b"\3"), LZMA2],
            [{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}],
        ),
        ([(b"\3\3\1\3", b""), LZMA2], [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]),
    ],
)
def test_each_usual_method_is_read(tmp_path, coders, filters):
    files = FILES | {"program": JUMPS}
    whole = b"".join(files.values())
    if filters == "deflate":
        content = zlib.compress(whole)[2:-4]
    elif filters == "bzip2":
        content = bz2.compress(whole)
    else:
        content = lzma.compress(whole, lzma.FORMAT_RAW, filters=filters) if filters else whole
    path = write(tmp_path / "a", archive(content, header(files, coders, len(content))))
    found, read = contents(path, tmp_path / "out")
    assert read == files
    assert not found.skipped


@pytest.mark.parametrize(
    ("method", "named"),
    [
        (AES, "encrypted"),
        ((b"\3\4\1", bytes(5)), "PPMd"),
        ((b"\3\3\1\x1b", b""), "BCJ2"),
        ((b"\4\xf7\x11\1", b""), "Zstandard"),
        ((b"\x77", b""), "found 77"),
        ((b"\3\1\1", b"\x08\0\0\1\0"), "unusual"),
        ((LZMA2[0], b""), "21"),
    ],
)
def test_other_methods_are_refused_by_name_before_anything_is_unpacked(refused, method, named):
    content = packed(b"".join(FILES.values()))
    refused(archive(content, header(FILES, [method, LZMA2], len(content))), named)


def test_links_are_left_out(tmp_path):
    for attributes in (0x8000 | stat.S_IFLNK << 16, 0x400):
        path = write(tmp_path / "b", build({"a/1.jpg": b"2.jpg"}, attributes))
        found, read = contents(path, tmp_path / f"out{attributes}")
        assert (read, found.skipped[0].reason) == ({}, LINK)


MANY = header(FILES).replace(b"\x08\x0d" + number(3), b"\x08\x0d" + number(1 << 50))


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (header({"a/1.jpg": b"1"}, [LZMA2], sizes=[1 << 60]), "MB; these have"),
        (MANY, "entries"),
        (header(FILES, [(b"\x21", b"\x28")], 1), "up to 256 MB"),  # a dictionary of 4 GB
    ],
)
def test_bombs_are_refused_before_they_are_unpacked(refused, head, words):
    refused(archive(b"1", head), words, LimitExceeded)


def test_a_header_is_bounded_packed_or_not(refused):
    bomb = packed(bytes(2 << 20))
    head = b"\x17" + streams(0, len(bomb), [LZMA2], [2 << 20]) + b"\0\0"
    refused(archive(bomb, head), "too large", archive_entries=1)
    # A bomb that declares less is unpacked as far as it declares.
    head = b"\x17" + streams(0, len(bomb), [LZMA2], [1000]) + b"\0\0"
    refused(archive(bomb, head), "damaged")
    itself = b"\x17" + streams(0, 100, [COPY], [100]) + b"\0\0"
    endless = archive(b"", itself.ljust(100, b"\0"))
    refused(endless[:32].replace(endless[12:20], bytes(8)) + endless[32:], "damaged")
    refused(archive(b"", bytes(2 << 20)), "too large", archive_entries=1)


def test_two_decompressors_in_a_row_are_refused(refused):
    """Otherwise a small file could be unpacked to gigabytes between them, within all limits."""
    content = packed(packed(b"one"))
    head = header({"a/1.jpg": b"one"}, [LZMA2, LZMA2], len(content))
    refused(archive(content, head), "damaged")


def test_endless_properties_are_refused(refused):
    """A few bytes of LZMA unpack to millions of them."""
    bomb = b"\1\5\0" + b"\x20\0" * 100_000 + b"\0"
    content = packed(bomb)
    head = b"\x17" + streams(0, len(content), [LZMA2], [len(bomb)]) + b"\0\0"
    refused(archive(content, head), "damaged")


def test_several_parts_and_incomplete_uploads_are_refused(refused):
    whole = build(FILES)
    for end in (40, len(whole) - 1):
        refused(whole[:end], "several parts")


def test_what_is_damaged_is_reported_and_what_comes_before_is_read(tmp_path):
    whole = b"".join(FILES.values())
    content = bytearray(whole)
    content[1600] ^= 1  # in the second file
    path = write(tmp_path / "a", archive(bytes(content), header(FILES)))
    found, read = contents(path, tmp_path / "out")
    assert read.keys() == {"rose/1.jpg", "rose/3.jpg"}
    assert [(each.name, each.reason) for each in found.skipped] == [("花/2.jpg", DAMAGED)]
    short = packed(whole)[:-30]
    path = write(tmp_path / "b", archive(short, header(FILES, [LZMA2], len(short))))
    found, read = contents(path, tmp_path / "out2")
    assert {each.reason for each in found.skipped} <= {DAMAGED}


def test_no_damage_of_a_header_ends_in_anything_but_a_refusal(tmp_path):
    content = packed(b"".join(FILES.values()))
    head = header(FILES, [(b"\3\3\1\3", b""), LZMA2], len(content))
    refused = 0
    for at in range(len(head)):
        for flip in (0x01, 0x80):
            changed = head[:at] + bytes([head[at] ^ flip]) + head[at + 1 :]
            write(tmp_path / "b", archive(content, changed))
            try:
                extract(tmp_path / "b", tmp_path / "out", Settings())
            except (BadArchive, LimitExceeded):
                refused += 1
            for file in (tmp_path / "out").glob("*"):
                file.unlink()
    assert refused > len(head) / 2


def test_an_archive_without_files_is_empty(tmp_path, refused):
    path = write(tmp_path / "a", archive(b"", b"\1\0"))
    assert contents(path, tmp_path / "out")[1] == {}
    nothing = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(bytes(20))) + bytes(20)
    refused(nothing, "damaged")
