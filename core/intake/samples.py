"""Sample pictures that come with Tusker and with scikit-learn; nothing is downloaded."""

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

DIGITS = "Handwritten digits"
PER_CLASS = 40
EDGE = 80
"""Edge of a digit picture in pixels, with its margin."""
DRAWN = 64
"""Edge without the margin."""
FOLDER = Path(__file__).parents[1] / "data" / "samples"
CREDIT = (
    "Photographs: Stéfan van der Walt and Rachel Michetti (CC0), Aaron Logan (CC BY 1.0), "
    "Necrophorus (public domain), Dezidor (CC BY 3.0), David Iliff (CC BY-SA 3.0)"
)
"""In the order of `photographs`."""


@dataclass(frozen=True)
class Sample:
    """A sample picture: the name on its button, JPEG bytes, and what it shows."""

    name: str
    content: bytes
    alt: str


@lru_cache(maxsize=1)
def photographs() -> dict[str, Sample]:
    """Six photographs of ImageNet classes by name; docs/licences.md has their sources."""
    shown = {
        "Cat": "Face of a tabby cat",
        "Espresso": "Cup of espresso on a red saucer",
        "Panda": "Giant panda beside a tree",
        "Goldfish": "Goldfish on a dark background",
        "Palace": "Front of a palace at night",
        "Koala": "Koala in the fork of a tree",
    }
    return {
        name: Sample(name, (FOLDER / f"{name.lower()}.jpg").read_bytes(), alt)
        for name, alt in shown.items()
    }


def digits(path: Path, per_class: int = PER_CLASS) -> None:
    """Write a zip of ten class folders with handwritten digits as PNG pictures.

    Source: the test set of Alpaydin and Kaynak (1998), 8×8 pixels, from scikit-learn.
    """
    # Not by `load_digits`: importing it takes seconds.
    package = find_spec("sklearn")
    assert package is not None and package.origin is not None
    table = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    samples = np.loadtxt(table, np.uint8, delimiter=",")
    digits, pixels = samples[:, -1], samples[:, :-1].reshape(-1, 8, 8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for digit in range(10):
            for number, strength in enumerate(pixels[digits == digit][:per_class]):
                grey = 255 - np.clip(strength * (255 / 16), 0, 255).astype(np.uint8)
                drawn = Image.fromarray(grey).resize((DRAWN, DRAWN), Image.Resampling.BICUBIC)
                buffer = io.BytesIO()
                ImageOps.expand(drawn, (EDGE - DRAWN) // 2, fill=255).save(buffer, "PNG")
                archive.writestr(f"digits/{digit}/{number:03d}.png", buffer.getvalue())
