"""Brightness, colour and sharpness of training pictures, to compare camera pictures with."""

import io
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field, model_validator

from core import images

MINIMUM_PICTURES = 20
"""Smallest number of pictures whose percentiles mean anything."""
SAMPLED = 400
"""Largest number of pictures measured, which takes about a second."""
SHARES = (0.01, 0.05, 0.5, 0.95, 0.99)
"""Shares of the training pictures below each value of `Percentiles`."""
RELIABLE_PICTURES = 100
"""Number of pictures from which the 1st and 99th percentile are taken as they are."""
LOWEST_CONTRAST = 4.0
"""Grey levels of contrast below which differences are noise."""
QUALITY = 92
"""JPEG quality of camera frames, as in `ui/live_camera/jpeg.js`."""


class Measures(NamedTuple):
    """Measurements of a picture as the model sees it.

    Attributes:
        brightness: mean grey level, 0 to 255.
        warmth: red minus blue, in per cent of all light, -100 to 100.
        sharpness: difference of neighbouring pixels, in per cent of the contrast, 0 to 800.
    """

    brightness: float
    warmth: float
    sharpness: float


BOUNDS = {"brightness": (0.0, 255.0), "warmth": (-100.0, 100.0), "sharpness": (0.0, 1000.0)}


class Percentiles(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """The 1st, 5th, 50th, 95th and 99th percentile of a measurement."""

    least: float
    low: float
    middle: float
    high: float
    most: float


class Appearance(BaseModel, frozen=True, extra="forbid"):
    """Appearance of the training pictures of a model, saved beside it."""

    version: Literal[1] = 1
    pictures: int = Field(ge=MINIMUM_PICTURES, le=1_000_000)
    brightness: Percentiles
    warmth: Percentiles
    sharpness: Percentiles

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, (low, high) in BOUNDS.items():
            values = [low, *getattr(self, name).model_dump().values(), high]
            if values != sorted(values):
                raise ValueError(f"{name} must be {low:g} to {high:g}, in ascending order")
        return self


def measure(picture: np.ndarray) -> Measures:
    """Measure (size, size, 3) uint8 RGB; only pictures of one size can be compared."""
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    red, green, blue = picture.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    detail = images.laplacian(grey) / max(float(grey.std()), LOWEST_CONTRAST)
    return Measures(
        float(grey.mean()),
        100 * float(red - blue) / max(float(red + green + blue), 1.0),
        100 * detail,
    )


def as_camera_frame(picture: np.ndarray) -> np.ndarray:
    """(size, size, 3) uint8 after the JPEG compression of a camera frame.

    Compression adds a little detail to soft pictures, so both sides of a comparison get it.
    """
    compressed = io.BytesIO()
    Image.fromarray(picture).save(compressed, "JPEG", quality=QUALITY)
    with Image.open(compressed) as file:
        return np.asarray(file)


def summarise(measurements: Sequence[Measures]) -> Appearance | None:
    """Percentiles of each measurement; None if there are too few pictures.

    Few pictures do not show the outer percentiles. They are widened to a prediction interval there
    (Hahn and Meeker, 1991, with Student's t).
    """
    if len(measurements) < MINIMUM_PICTURES:
        return None
    values = np.array(measurements, np.float64)
    bounds = np.quantile(values, SHARES, axis=0)
    if len(measurements) < RELIABLE_PICTURES:
        within = np.array(list(BOUNDS.values())).T
        predicted = _predicted(values).clip(*within)
        half = len(SHARES) // 2
        bounds[:half] = np.minimum(bounds[:half], predicted[:half])
        bounds[-half:] = np.maximum(bounds[-half:], predicted[-half:])
    numbers = bounds.round(2).T.tolist()
    percentiles = {
        name: dict(zip(Percentiles.model_fields, row, strict=True))
        for name, row in zip(Measures._fields, numbers, strict=True)
    }
    return Appearance.model_validate({"pictures": len(measurements), **percentiles})


def _predicted(values: np.ndarray) -> np.ndarray:
    """Percentiles of a further picture under a normal distribution: (5, 3) for (n, 3)."""
    count = len(values)
    normal = np.array([NormalDist().inv_cdf(share) for share in SHARES])
    student = normal * (1 + (normal**2 + 1) / (4 * (count - 1)))  # Fisher's expansion, first term
    factors = student * np.sqrt(1 + 1 / count)
    return values.mean(axis=0) + factors[:, np.newaxis] * values.std(axis=0, ddof=1)
