"""Sample pictures from scikit-learn; nothing is downloaded."""

import io
import zipfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

DIGITS = "Handwritten digits"
PER_CLASS = 60
EDGE = 80
"""Edge of a digit picture in pixels, with its margin."""
DRAWN = 64
"""Edge without the margin."""
PHOTOGRAPHS = {"A palace": "china.jpg", "A flower": "flower.jpg"}
"""Photographs that scikit-learn ships: name → file."""
ALT_TEXTS = {"A palace": "Pagoda on a hill above a lake", "A flower": "Orange dahlia in bloom"}
CREDIT = "Photographs: danielbuechele and vultilion on Flickr, CC BY 2.0"


@lru_cache(maxsize=1)
def photographs() -> dict[str, bytes]:
    """The sample photographs: name → JPEG bytes."""
    # Importing scikit-learn would take a second and a hundred megabytes.
    spec = find_spec("sklearn")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "datasets" / "images"
    return {name: (folder / file).read_bytes() for name, file in PHOTOGRAPHS.items()}


def digits(path: Path) -> None:
    """Write a zip of ten class folders with handwritten digits as PNG pictures.

    Source: the test set of Alpaydin and Kaynak (1998), 8×8 pixels, from scikit-learn.
    """
    from sklearn.datasets import load_digits

    samples = load_digits()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for digit in range(10):
            for number, pixels in enumerate(samples.images[samples.target == digit][:PER_CLASS]):
                grey = 255 - np.clip(pixels * 255 / 16, 0, 255).astype(np.uint8)
                drawn = Image.fromarray(grey).resize((DRAWN, DRAWN), Image.Resampling.BICUBIC)
                buffer = io.BytesIO()
                ImageOps.expand(drawn, (EDGE - DRAWN) // 2, fill=255).save(buffer, "PNG")
                archive.writestr(f"digits/{digit}/{number:03d}.png", buffer.getvalue())
