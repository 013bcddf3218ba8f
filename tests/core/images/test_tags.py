"""Tags of TIFF are read in little time, whatever they say."""

import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import images
from core.errors import BadImage
from core.images.tags import has_pages
from core.settings import Settings

REDUCED = struct.pack("<HHII", 254, 4, 1, 1)
"""NewSubfileType: a smaller copy."""
NO_TAG = struct.pack("<HHII", 65_000, 4, 1, 0)
MOST = 65_535
"""Entries of a directory."""


def tiff(path: Path, *further: tuple[int, int], **options: object) -> Path:
    """A TIFF of several pictures, each of a width and of a NewSubfileType."""
    pictures = [Image.new("L", (width, 16)) for width, _ in further]
    for picture, (_, kind) in zip(pictures, further, strict=True):
        picture.encoderinfo = {"tiffinfo": {254: kind}}
    Image.new("L", (64, 16)).save(path, "TIFF", save_all=True, append_images=pictures, **options)
    return path


def with_next(path: Path, pointer: int, directories: bytes = b"") -> int:
    """Let the first directory of a TIFF lead to `pointer`; where `directories` follow the file."""
    content = bytearray(path.read_bytes())
    big = content[2] == 43
    start = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)[0]
    count = struct.unpack_from("<Q" if big else "<H", content, start)[0]
    at = start + (8 + 20 * count if big else 2 + 12 * count)
    end = len(content)
    struct.pack_into("<Q" if big else "<I", content, at, pointer or end)
    path.write_bytes(content + directories)
    return end


class Counting(bytes):
    """Counts the bytes that are read."""

    count = 0

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        Counting.count += len(part)
        return part


def read_by_has_pages(path: Path) -> int:
    """The bytes that `has_pages` reads."""
    Counting.count = 0
    has_pages(Counting(path.read_bytes()))
    return Counting.count


def paged(path: Path) -> bool:
    """Whether a file has more pages."""
    return images.decode_with_info(path, limits=Settings()).has_frames


def test_smaller_copies_and_masks_in_a_tiff_are_no_further_pages(tmp_path: Path) -> None:
    assert not paged(tiff(tmp_path / "a.tif"))
    assert paged(tiff(tmp_path / "a.tif", (32, 0)))
    assert not paged(tiff(tmp_path / "a.tif", (32, 1), (64, 4)))
    assert paged(tiff(tmp_path / "a.tif", (32, 1), (64, 0)))
    assert paged(tiff(tmp_path / "a.tif", (64, 0), big_tiff=True))
    assert not paged(tiff(tmp_path / "a.tif", (32, 1), big_tiff=True))


def test_a_directory_that_leads_back_is_no_further_page(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif")
    with_next(path, struct.unpack_from("<I", path.read_bytes(), 4)[0])
    assert not paged(path)


@pytest.mark.parametrize("pointer", [1 << 20, 1 << 44, 1 << 63, (1 << 64) - 1])
def test_a_directory_beyond_the_end_is_no_further_page(tmp_path: Path, pointer: int) -> None:
    path = tiff(tmp_path / "a.tif", big_tiff=True)
    with_next(path, pointer)
    assert images.decode(path, limits=Settings()).shape == (16, 64, 3)


def test_a_long_directory_that_leads_to_itself_is_not_read_over_and_over(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif")
    end = with_next(path, 0)
    long = struct.pack("<H", MOST) + NO_TAG * (MOST - 1) + REDUCED + struct.pack("<I", end)
    with_next(path, 0, long)
    assert read_by_has_pages(path) < 10_000


def test_long_directories_that_overlap_are_not_read_over_and_over(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif")
    end = with_next(path, 0)
    # Each begins an entry later than the one before, at two bytes that are its count of entries.
    slots = b"\xff\xff" + (b"\xff" * 12) * (MOST - 1) + REDUCED
    pointers = b"".join(struct.pack("<I8x", end + 12 * number) for number in range(1, 120))
    with_next(path, 0, slots + pointers)
    assert read_by_has_pages(path) < 10_000


def test_a_tiff_with_layers_of_photoshop_is_read_and_one_of_larger_tags_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "layers.tif"
    Image.new("L", (64, 16)).save(path, "TIFF", tiffinfo={37_724: bytes(20 << 20)})
    assert images.decode(path, limits=Settings()).shape == (16, 64, 3)
    Image.new("L", (64, 16)).save(path, "TIFF", tiffinfo={37_724: bytes(40 << 20)})
    with pytest.raises(BadImage, match="too large tags"):
        images.decode(path, limits=Settings())


def test_a_raw_file_is_refused_wherever_its_tags_are(tmp_path: Path) -> None:
    sub_directories = struct.pack("<HHII", 330, 4, 1, 0)
    tags = [sub_directories, *[NO_TAG] * 40, REDUCED]
    for ordered in (tags, tags[::-1]):
        head = b"II*\0" + struct.pack("<IH", 8, len(tags))
        with pytest.raises(BadImage, match="camera raw"):
            images.decode(head + b"".join(ordered) + bytes(4), limits=Settings())
