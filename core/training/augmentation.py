"""Render the views of a training picture: itself, its mirror image, then random variations."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from core import images
from core.images import AS_DECLARED, Scale
from core.settings import Settings
from core.training.config import Augmentation

BORDER = 1
"""Pixels that bilinear sampling reads beyond the sampled point."""


@dataclass(frozen=True)
class Rendering:
    """How views of pictures are rendered.

    Attributes:
        augmentation: number of views and ranges of their variations.
        size: edge of a view, in pixels.
        crop: share of a picture's shorter edge that a view shows.
        seed: of random views.
        scale: of pictures of more than 8 bits.
        limits: of the host.
    """

    augmentation: Augmentation
    size: int
    crop: float
    limits: Settings
    seed: int = 0
    scale: Scale = AS_DECLARED

    def cache_keys(self) -> list[str]:
        """The key of each view in the cache: views of a picture with the same key are equal."""
        augmentation, crop = self.augmentation, self.crop
        ranges = augmentation.model_dump_json(exclude={"views"})
        digest = hashlib.sha256(f"{ranges}/{crop}/{self.seed}".encode()).hexdigest()[:12]
        fixed = ["plain", "mirror"] if augmentation.flip else ["plain"]
        random = [f"random-{digest}-{number}" for number in range(len(fixed), augmentation.views)]
        keys = [*(f"{name}-{crop:.4f}" for name in fixed), *random][: augmentation.views]
        if self.scale == AS_DECLARED:
            return keys
        suffix = hashlib.sha256(self.scale.model_dump_json().encode()).hexdigest()[:12]
        return [f"{key}-{suffix}" for key in keys]

    def views(self, source: bytes | Path, sha256: str, numbers: Sequence[int]) -> list[np.ndarray]:
        """Some views of a picture, (size, size, 3) uint8 each. View 0 is what a prediction sees.

        Args:
            source: the picture, or its path.
            sha256: of the picture; seeds its random views.
            numbers: of the views.

        Raises:
            BadImage: the picture cannot be read.
        """
        augmentation, size, crop = self.augmentation, self.size, self.crop
        squares = [(size, crop)]
        if max(numbers) > augmentation.flip:  # a random view: of the whole centre square
            squares.append((round(size / crop), 1.0))
        plain, *whole = images.decode_squares(source, squares, self.scale, limits=self.limits).views
        canvases = [_canvas(square, size, augmentation) for square in whole]

        def view(number: int) -> np.ndarray:
            if number == 0:
                return plain
            if number == 1 and augmentation.flip:
                return np.ascontiguousarray(plain[:, ::-1])
            generator = _generator(f"{self.seed}/{sha256}/{number}")
            return _vary(canvases[0], size, augmentation, generator)

        return [view(number) for number in numbers]


def _generator(key: str) -> np.random.Generator:
    digest = hashlib.sha256(key.encode("utf-8")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _canvas(square: np.ndarray, size: int, augmentation: Augmentation) -> Image.Image:
    """The centre square, framed by its own reflection so that no view uncovers a blank corner."""
    margin = max(0, math.ceil(_reach(augmentation) * size - len(square) / 2)) + BORDER
    return Image.fromarray(np.pad(square, ((margin,) * 2, (margin,) * 2, (0, 0)), mode="reflect"))


def _reach(augmentation: Augmentation) -> float:
    """Largest distance from the centre that a view shows, in parts of its edge."""
    angle = math.radians(min(augmentation.rotation, 45))
    rotated = math.cos(angle) + math.sin(angle)
    sheared = 1 + math.tan(math.radians(augmentation.shear))
    return rotated * sheared * (1 + augmentation.zoom) / 2 + augmentation.shift


def _vary(
    canvas: Image.Image, size: int, augmentation: Augmentation, generator: np.random.Generator
) -> np.ndarray:
    """One random affine view of the canvas, at a random brightness."""

    def draw(limit: float) -> float:
        return float(generator.uniform(-limit, limit))

    angle = math.radians(draw(augmentation.rotation))
    shear = math.tan(math.radians(draw(augmentation.shear)))
    scale = math.exp(draw(math.log1p(augmentation.zoom)))
    shift = np.array([draw(augmentation.shift), draw(augmentation.shift)]) * size
    mirror = augmentation.flip and generator.random() < 0.5
    brightness = 1.0 + draw(augmentation.brightness)

    rotation = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shearing = np.array([[1.0, shear], [0.0, 1.0]])
    flip = np.array([[-1.0 if mirror else 1.0, 0.0], [0.0, 1.0]])
    to_canvas = scale * rotation @ shearing @ flip
    centre = np.array([canvas.width / 2, canvas.height / 2])
    offset = centre + shift - to_canvas @ np.array([size / 2, size / 2])
    coefficients = (*to_canvas[0], offset[0], *to_canvas[1], offset[1])
    # Bicubic takes twice as long, and a view is not meant to be sharper than its picture.
    view = canvas.transform(
        (size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR
    )
    brightened = np.asarray(view, dtype=np.float32) * brightness
    return np.clip(brightened + 0.5, 0, 255).astype(np.uint8)
