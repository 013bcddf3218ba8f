"""Small fingerprints of pictures, which are checked and compared without decoding them again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core import images
from core.settings import Settings
from core.system import files

FILE = "fingerprints.npz"
GREY = 64  # edge of the square grey picture, in pixels
CHROMA = 8  # edge of the square picture of its colours, in cells
EDGE = 160  # shorter edge at which sharpness is measured, near the input size of a backbone

BYTES = 4_400
"""Approximate size of what is stored of one picture."""

MEASURES = ("high", "low", "contrast", "sharpness")
FIELDS = {
    "sha256": "U64",
    "pixels": "U32",
    "grey": f"({GREY},{GREY})u1",
    "chroma": f"({CHROMA},{CHROMA},2)u1",
    "measures": f"({len(MEASURES)},)f4",
}
"""The fields of `Fingerprint` that are stored, with their types and shapes."""
ROW = np.dtype(list(FIELDS.items()))


@dataclass(frozen=True)
class Fingerprint:
    """Identity, measurements and small versions of one picture.

    Attributes:
        sha256: of the file's bytes, in hex.
        format: Pillow's name, such as `JPEG`.
        width, height: upright, in pixels.
        size: of the file, in bytes.
        pixels: hash of the decoded RGB pixels, in hex. Large JPEG files are decoded at reduced
            size.
        grey: (64, 64) uint8, the whole picture resized to a square.
        chroma: (8, 8, 2) uint8, likewise its Cb and Cr, 128 without colour.
        measures: (4,) float32 as in `MEASURES`, on grey levels 0 to 255: 99th percentile, 5th
            percentile, standard deviation, and standard deviation of the Laplacian at a shorter
            edge of 160 pixels.
        thumbnail: JPEG bytes.
        day, device: when and with what it was taken, as by `images.tags.capture`.
        cut_short: whether the end of the file is missing.
        has_frames: whether the file holds more pages or frames, which are not read.
        depth: its values as stored, if it has more than 8 bits.
    """

    sha256: str
    format: str
    width: int
    height: int
    size: int
    pixels: str
    grey: np.ndarray
    chroma: np.ndarray
    measures: np.ndarray
    thumbnail: bytes
    day: str
    device: str
    cut_short: bool
    has_frames: bool
    depth: images.Depth | None


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of n different pictures.

    Attributes:
        rows: (n,) of the fields in `FIELDS`.
    """

    rows: np.ndarray

    @classmethod
    def of(cls, fingerprints: list[Fingerprint]) -> Fingerprints:
        """Combine fingerprints; equal files get one row."""
        unique = {fingerprint.sha256: fingerprint for fingerprint in fingerprints}
        rows = [tuple(getattr(each, name) for name in FIELDS) for each in unique.values()]
        return cls(np.array(rows, ROW))

    @cached_property
    def place(self) -> dict[str, int]:
        """SHA-256 → row."""
        return {sha256: row for row, sha256 in enumerate(self.rows["sha256"].tolist())}

    def of_files(self, hashes: Collection[str]) -> Fingerprints:
        """The fingerprints of some files, named by their SHA-256."""
        return Fingerprints(self.rows[[r for sha256, r in self.place.items() if sha256 in hashes]])

    def with_those_of(self, other: Fingerprints) -> Fingerprints:
        """Both, in this order. A picture in both has the row of the first."""
        more = other.of_files(other.place.keys() - self.place.keys())
        return Fingerprints(np.concatenate([self.rows, more.rows]))

    def save(self, folder: Path) -> None:
        """Write `fingerprints.npz`."""
        arrays: dict[str, Any] = {name: self.rows[name] for name in FIELDS}
        with files.replacing(folder / FILE) as path, path.open("wb") as out:
            np.savez(out, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Fingerprints | None:
        """Read `fingerprints.npz`; None if missing, damaged or of an earlier version."""
        try:
            with np.load(folder / FILE, allow_pickle=False) as data:
                rows = np.empty(len(data["sha256"]), ROW)
                for name in FIELDS:
                    stored = data[name]
                    if stored.shape != rows[name].shape:
                        return None
                    rows[name] = stored
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None
        return cls(rows)


def fingerprint(
    path: Path, limits: Settings, scale: images.Scale = images.AS_DECLARED
) -> Fingerprint:
    """Decode a picture once, at reduced size where its format allows, and measure it.

    Raises:
        BadImage: as in `images.decode`.
    """
    decoded = images.decode_with_info(path, shorter_edge=EDGE, limits=limits, scale=scale)
    pixels = hashlib.blake2b(digest_size=16)
    pixels.update(f"{decoded.width} {decoded.height} {decoded.pixels.shape}".encode())
    pixels.update(np.ascontiguousarray(decoded.pixels).data)
    picture = Image.fromarray(decoded.pixels)
    if (factor := min(picture.size) // EDGE) > 1:
        picture = picture.reduce(factor)
    grey = picture.convert("L")
    colours = picture.resize((CHROMA, CHROMA), Image.Resampling.BOX).convert("YCbCr")
    return Fingerprint(
        sha256=files.sha256(path),
        format=decoded.format,
        width=decoded.width,
        height=decoded.height,
        size=path.stat().st_size,
        pixels=pixels.hexdigest(),
        grey=np.asarray(grey.resize((GREY, GREY), Image.Resampling.BOX)),
        chroma=np.asarray(colours)[..., 1:],
        measures=_measure(grey),
        thumbnail=images.thumbnail(np.asarray(picture)),
        day=decoded.day,
        device=decoded.device,
        cut_short=decoded.cut_short,
        has_frames=decoded.has_frames,
        depth=decoded.depth,
    )


def _measure(grey: Image.Image) -> np.ndarray:
    levels = np.asarray(grey)
    high, low = np.percentile(levels, (99, 5))
    if (edge := min(grey.size)) > EDGE:
        width, height = (max(EDGE, round(side * EDGE / edge)) for side in grey.size)
        levels = np.asarray(grey.resize((width, height), Image.Resampling.BILINEAR))
    return np.array([high, low, levels.std(), images.laplacian(levels)], np.float32)
