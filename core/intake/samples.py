"""Pictures to try Tusker with, made or found on this machine: nothing is downloaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

DIGITS = "Handwritten digits"
PER_CLASS = 60
EDGE = 80
DRAWN = 64
PHOTOGRAPHS = {"A palace": "china.jpg", "A flower": "flower.jpg"}
"""Photographs that scikit-learn ships, by what to call them."""
SEEN = {"A palace": "Pagoda on a hill above a lake", "A flower": "Orange dahlia in bloom"}
"""What those who cannot see them are told."""
CREDIT = "Photographs: danielbuechele and vultilion on Flickr, CC BY 2.0"


@lru_cache(maxsize=1)
def photographs() -> dict[str, bytes]:
    """Two photographs that come with scikit-learn: name → JPEG.

    The package is found and not imported: that takes a second and a hundred megabytes.
    """
    spec = find_spec("sklearn")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "datasets" / "images"
    return {name: (folder / file).read_bytes() for name, file in PHOTOGRAPHS.items()}


def digits(path: Path) -> None:
    """Write a zip of ten class folders with handwritten digits as PNG pictures.

    Source: the test set of Alpaydin and Kaynak (1998), 8×8 pixels, from scikit-learn.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in _digits():
            archive.writestr(name, content)


def _digits() -> Iterator[tuple[str, bytes]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    for digit in range(10):
        for number, pixels in enumerate(found.images[found.target == digit][:PER_CLASS]):
            ink = 255 - np.clip(pixels * 255 / 16, 0, 255).astype(np.uint8)
            drawn = Image.fromarray(ink).resize((DRAWN, DRAWN), Image.Resampling.BICUBIC)
            picture = ImageOps.expand(drawn, (EDGE - DRAWN) // 2, fill=255)
            packed = io.BytesIO()
            picture.save(packed, "PNG")
            yield f"digits/{digit}/{number:03d}.png", packed.getvalue()
