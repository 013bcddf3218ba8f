"""A thousand damaged files: each is read, or refused with a sentence."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import images
from core.archive import unpacking
from core.errors import BadImage, BadInput
from core.settings import Settings

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "HEIF")
PICTURES, ZIPS = 700, 300
LIMITS = Settings(picture_pixels=1_000_000, expanded_megabytes=20, archive_entries=100)


def picture(kind: str) -> bytes:
    y, x = np.mgrid[0:40, 0:56]
    noise = np.random.default_rng(0).integers(0, 60, (40, 56, 3))
    rgb = np.stack([3 * x, 4 * y, x + y], -1) + noise
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF") else {}
    if kind == "TIFF":
        options["compression"] = "tiff_lzw"
    Image.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for number, kind in enumerate(FORMATS):
            target.writestr(f"{'ab'[number % 2]}/{number}.jpg", picture(kind))
    return buffer.getvalue()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """Truncate, or flip up to eight bits, most of them near an end, where headers are."""
    if random.random() < 0.2:
        return content[: random.integers(len(content))]
    changed = bytearray(content)
    for _ in range(random.integers(1, 9)):
        reach = len(content) if random.random() < 0.4 else min(len(content), 120)
        place = int(random.integers(reach))
        place = place if random.random() < 0.7 else len(content) - 1 - place
        changed[place] ^= 1 << random.integers(8)
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
def test_damaged_pictures_are_read_or_refused():
    random = np.random.default_rng(20)
    good = [picture(kind) for kind in FORMATS]
    refused = 0
    for number in range(PICTURES):
        content = damaged(good[number % len(good)], random)
        try:
            found = images.decode(content, limits=LIMITS)
            assert found.ndim == 3
            assert found.dtype == np.uint8
        except BadImage as refusal:
            refused += 1
            assert str(refusal).endswith(".")
    assert PICTURES / 4 < refused < PICTURES


def test_damaged_zips_are_read_or_refused(tmp_path: Path):
    random = np.random.default_rng(21)
    good = zipped()
    (tmp_path / "neighbour").write_text("mine")
    upload, out = tmp_path / "upload.zip", tmp_path / "out"
    refused = 0
    for _ in range(ZIPS):
        upload.write_bytes(damaged(good, random))
        try:
            found = unpacking.extract(upload, out, LIMITS)
            for member in found.members:
                member.path.unlink()
            out.rmdir()
        except BadInput as refusal:
            refused += 1
            assert str(refusal).endswith(".")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["neighbour", "upload.zip"]
    assert ZIPS / 4 < refused < ZIPS
