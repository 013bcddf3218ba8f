"""What one look at a picture tells of it: small enough to keep for all, enough to compare them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core import images
from core.settings import Settings
from core.system import files

FILE = "glances.npz"
GREY = 64  # edge of the square grey picture, in pixels
EDGE = 160  # shorter edge at which detail is measured, near what a backbone sees

MEASURES = ("dark", "bright", "contrast", "sharpness")


@dataclass(frozen=True)
class Fingerprint:
    """One picture.

    Attributes:
        sha256: of the file's bytes.
        format: as Pillow calls it.
        width, height: upright, in pixels.
        size: of the file, in bytes.
        grey: (64, 64) uint8, the whole picture squeezed into a square.
        measures: (4,) float32 as in `MEASURES`, each on grey levels 0 to 255: the level that
            1 % of the pixels are brighter than, the one that 5 % are darker than, the standard
            deviation, and the standard deviation of the Laplacian with the shorter edge at
            160 pixels.
        thumbnail: a JPEG.
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
    """Many pictures, each found by its SHA-256.

    Attributes:
        place: SHA-256 → row.
        grey: (n, 64, 64) uint8.
        measures: (n, 4) float32.
    """

    place: dict[str, int]
    grey: np.ndarray
    measures: np.ndarray

    @classmethod
    def of(cls, glances: list[Fingerprint]) -> "Fingerprints":
        """Join single glances; of equal files one is kept."""
        unique = list({fingerprint.sha256: fingerprint for fingerprint in glances}.values())
        return cls(
            {fingerprint.sha256: row for row, fingerprint in enumerate(unique)},
            np.array([g.grey for g in unique], np.uint8).reshape(-1, GREY, GREY),
            np.array([g.measures for g in unique], np.float32).reshape(-1, len(MEASURES)),
        )

    def save(self, folder: Path) -> None:
        """Write all to `glances.npz`."""
        with files.replacing(folder / FILE) as path, path.open("wb") as out:
            np.savez(out, sha256=list(self.place), grey=self.grey, measures=self.measures)

    @classmethod
    def load(cls, folder: Path) -> "Fingerprints | None":
        """Read what `save` wrote; None where it is missing or damaged."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as data:
                place = {str(name): row for row, name in enumerate(data["sha256"])}
                return cls(place, data["grey"], data["measures"])
        except (OSError, ValueError, KeyError):
            return None


def fingerprint(path: Path, limits: Settings) -> Fingerprint:
    """Decode a picture once, small where its format allows, and measure it.

    Raises:
        BadImage: as in `images.decode`.
    """
    seen = images.decode_with_info(path, shorter_edge=EDGE, limits=limits)
    picture = Image.fromarray(seen.pixels)
    if (factor := min(picture.size) // EDGE) > 1:
        picture = picture.reduce(factor)
    grey = picture.convert("L")
    return Fingerprint(
        sha256=_sha256(path),
        format=seen.format,
        width=seen.width,
        height=seen.height,
        size=path.stat().st_size,
        grey=np.asarray(grey.resize((GREY, GREY), Image.Resampling.BOX)),
        measures=_measure(grey),
        thumbnail=images.thumbnail(np.asarray(picture)),
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _measure(grey: Image.Image) -> np.ndarray:
    levels = np.asarray(grey)
    dark, bright = np.percentile(levels, (99, 5))
    if (edge := min(grey.size)) > EDGE:
        sizes = [max(EDGE, round(side * EDGE / edge)) for side in grey.size]
        levels = np.asarray(grey.resize((sizes[0], sizes[1]), Image.Resampling.BILINEAR))
    return np.array([dark, bright, levels.std(), images.laplacian(levels)], np.float32)
