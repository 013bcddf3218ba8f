"""Small fingerprints of pictures, which are checked and compared without decoding them again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core import images
from core.settings import Settings
from core.system import files

FILE = "fingerprints.npz"
GREY = 64  # edge of the square grey picture, in pixels
EDGE = 160  # shorter edge at which sharpness is measured, near the input size of a backbone

MEASURES = ("dark", "bright", "contrast", "sharpness")


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of one picture.

    Attributes:
        sha256: of the file's bytes, in hex.
        format: Pillow's name, such as `JPEG`.
        width, height: upright, in pixels.
        size: of the file, in bytes.
        grey: (64, 64) uint8, the whole picture resized to a square.
        measures: (4,) float32 as in `MEASURES`, on grey levels 0 to 255: 99th percentile, 5th
            percentile, standard deviation, and standard deviation of the Laplacian at a shorter
            edge of 160 pixels.
        thumbnail: JPEG bytes.
    """

    sha256: str
    format: str
    width: int
    height: int
    size: int
    grey: np.ndarray
    measures: np.ndarray
    thumbnail: bytes


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of n different pictures.

    Attributes:
        place: SHA-256 → row.
        grey: (n, 64, 64) uint8.
        measures: (n, 4) float32.
    """

    place: dict[str, int]
    grey: np.ndarray
    measures: np.ndarray

    @classmethod
    def of(cls, fingerprints: list[Fingerprint]) -> Fingerprints:
        """Combine fingerprints; equal files get one row."""
        unique = {fingerprint.sha256: fingerprint for fingerprint in fingerprints}
        return cls(
            {sha256: row for row, sha256 in enumerate(unique)},
            np.array([f.grey for f in unique.values()], np.uint8).reshape(-1, GREY, GREY),
            np.array([f.measures for f in unique.values()], np.float32).reshape(-1, len(MEASURES)),
        )

    def save(self, folder: Path) -> None:
        """Write `fingerprints.npz`."""
        with files.replacing(folder / FILE) as path, path.open("wb") as out:
            np.savez(out, sha256=list(self.place), grey=self.grey, measures=self.measures)

    @classmethod
    def load(cls, folder: Path) -> Fingerprints | None:
        """Read `fingerprints.npz`; None if missing or damaged."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as data:
                place = {str(name): row for row, name in enumerate(data["sha256"])}
                return cls(place, data["grey"], data["measures"])
        except (OSError, ValueError, KeyError):
            return None


def fingerprint(path: Path, limits: Settings) -> Fingerprint:
    """Decode a picture once, at reduced size where its format allows, and measure it.

    Raises:
        BadImage: as in `images.decode`.
    """
    decoded = images.decode_with_info(path, shorter_edge=EDGE, limits=limits)
    picture = Image.fromarray(decoded.pixels)
    if (factor := min(picture.size) // EDGE) > 1:
        picture = picture.reduce(factor)
    grey = picture.convert("L")
    return Fingerprint(
        sha256=files.sha256(path),
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        size=path.stat().st_size,
        grey=np.asarray(grey.resize((GREY, GREY), Image.Resampling.BOX)),
        measures=_measure(grey),
        thumbnail=images.thumbnail(np.asarray(picture)),
    )


def _measure(grey: Image.Image) -> np.ndarray:
    levels = np.asarray(grey)
    dark, bright = np.percentile(levels, (99, 5))
    if (edge := min(grey.size)) > EDGE:
        width, height = (max(EDGE, round(side * EDGE / edge)) for side in grey.size)
        levels = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR))
    return np.array([dark, bright, levels.std(), images.laplacian(levels)], np.float32)
