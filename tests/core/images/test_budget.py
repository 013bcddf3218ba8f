"""Memory for decoding: pictures whose parts are larger than declared, and many at once."""

import io
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from core import images
from core.errors import BadImage, NotEnoughResources
from core.images import budget
from core.images.budget import Budget
from core.settings import MEGABYTE, Settings

LARGE = 12_000


def saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def larger_jpeg(content: bytes) -> bytes:
    at = content.rindex(b"\xff\xc0") + 5
    return content[:at] + struct.pack(">HH", LARGE, LARGE) + content[at + 4 :]


def tiled(content: bytes, width: int, height: int) -> bytes:
    """A TIFF whose strip is called a tile of this size."""
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    tags = {tag[0]: tag for tag in struct.iter_unpack("<HHII", content[at + 2 :][: 12 * count])}
    tags.pop(278)
    tags[324], tags[325] = (324, *tags.pop(273)[1:]), (325, *tags.pop(279)[1:])
    tags[322], tags[323] = (322, 4, 1, width), (323, 4, 1, height)
    packed = b"".join(struct.pack("<HHII", *tags[number]) for number in sorted(tags))
    directory = struct.pack("<H", len(tags)) + packed + bytes(4)
    return content[:4] + struct.pack("<I", len(content)) + content[8:] + directory


def larger_frame(content: bytes) -> bytes:
    at = content.index(b"\x2c") + 5
    return content[:at] + struct.pack("<HH", LARGE, LARGE) + content[at + 4 :]


def larger_webp(content: bytes) -> bytes:
    frame = content[20:26] + struct.pack("<HH", LARGE, LARGE) + content[30:]
    canvas = b"VP8X\x0a\0\0\0" + bytes(4) + (63).to_bytes(3, "little") * 2
    body = b"WEBP" + canvas + content[12:20] + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


LYING: dict[str, Callable[[], bytes]] = {
    "TIFF with a huge tile": lambda: tiled(saved("TIFF", compression="tiff_lzw"), LARGE, LARGE),
    "TIFF with a huge JPEG": lambda: larger_jpeg(saved("TIFF", compression="jpeg")),
    "TIFF with a huge tile of JPEG": lambda: tiled(
        larger_jpeg(saved("TIFF", compression="jpeg")), LARGE, LARGE
    ),
    "GIF with a huge frame": lambda: larger_frame(saved("GIF", "P")),
    "WebP with a huge frame": lambda: larger_webp(saved("WEBP")),
    "icon": lambda: saved("ICO"),
}


@pytest.mark.parametrize("kind", LYING)
def test_a_part_that_is_larger_than_the_picture_is_refused_without_memory_for_it(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    content = LYING[kind]()
    process = psutil.Process()
    most, over = process.memory_info().rss, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.001):
            most = max(most, process.memory_info().rss)

    before = most
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with pytest.raises(BadImage):
            images.decode(content, limits=Settings())
    finally:
        over.set()
        watcher.join()
    assert most - before < 50 * MEGABYTE
    assert capfd.readouterr().err == ""


def test_other_pictures_of_a_multi_picture_file_are_not_decoded() -> None:
    other = Image.new("RGB", (64, 64))
    content = saved("MPO", save_all=True, append_images=[other])
    assert images.decode(larger_jpeg(content), limits=Settings()).shape == (64, 64, 3)


def test_a_picture_waits_for_others_and_is_refused_if_they_take_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = Budget()
    shared.start(Settings(picture_pixels=10_000))
    monkeypatch.setattr("core.images.loading.BUDGET", shared)
    content = saved("PNG")
    result: list[int] = []
    with shared.hold(6_500):
        images.decode(content, limits=Settings())  # 4,096 pixels fit beside 6,500
        with shared.hold(4_400):
            waiting = threading.Thread(
                target=lambda: result.append(images.decode(content, limits=Settings()).size)
            )
            waiting.start()
            waiting.join(0.2)
            assert not result
        waiting.join(30)
        assert result == [64 * 64 * 3]
        monkeypatch.setattr(budget, "PATIENCE_SECONDS", 0.05)
        with shared.hold(4_400), pytest.raises(NotEnoughResources, match="busy"):
            images.decode(content, limits=Settings())
    with shared.hold(1):
        pass
    with shared.hold(1_000_000):
        pass  # alone, any picture is decoded


def test_a_large_file_is_read_once_no_other_is_in_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = Budget()
    shared.start(Settings())
    monkeypatch.setattr("core.images.decoding.BUDGET", shared)
    monkeypatch.setattr(budget, "PATIENCE_SECONDS", 0.05)
    small, large = tmp_path / "small.bmp", tmp_path / "large.bmp"
    Image.new("RGB", (64, 64)).save(small)
    Image.new("RGB", (2_000, 1_400)).save(large)
    assert large.stat().st_size > budget.LARGE_FILE
    with shared.hold_file(large):
        for source in (small, large.read_bytes()):
            images.decode(source, limits=Settings())
        with pytest.raises(NotEnoughResources, match="busy"):
            images.decode(large, limits=Settings())
    assert images.decode(large, limits=Settings()).shape == (1_400, 2_000, 3)


@pytest.mark.parametrize("kind", ["lossless", "with transparency"])
def test_a_webp_that_may_have_large_tables_takes_more_of_the_budget(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each 4 × 4 pixels of a lossless picture may have tables of 6 KB, described by 3 bytes."""
    shared = Budget()
    shared.start(Settings())
    monkeypatch.setattr("core.images.loading.BUDGET", shared)
    monkeypatch.setattr(budget, "PATIENCE_SECONDS", 0.05)
    noise = np.random.default_rng(0).integers(0, 255, (600, 600, 4), np.uint8)
    buffer = io.BytesIO()
    picture = Image.fromarray(noise)
    if kind == "lossless":
        picture.convert("RGB").save(buffer, "WEBP", lossless=True)
    else:
        picture.save(buffer, "WEBP")
    with shared.hold(12_000_000), pytest.raises(NotEnoughResources, match="busy"):
        images.decode(buffer.getvalue(), limits=Settings())
    lossy = io.BytesIO()
    picture.convert("RGB").save(lossy, "WEBP", exif=b"Exif", icc_profile=bytes(200))
    with shared.hold(12_000_000):
        assert images.decode(lossy.getvalue(), limits=Settings()).shape == (600, 600, 3)
