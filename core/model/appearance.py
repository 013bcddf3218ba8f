"""Keep how the training pictures look to a model, and tell pictures that look otherwise."""

from __future__ import annotations

import io
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal, NamedTuple, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from core import images

FEWEST = 20
"""Pictures whose spread says anything of what is usual."""
MOST = 400
"""Pictures that are looked at for it, so that it takes about a second."""
SHARES = (0.01, 0.05, 0.5, 0.95, 0.99)
"""Of the training pictures, those below each number of a `Spread`."""
ENOUGH = 100
"""Pictures from which on the outermost in a hundred is among them."""
FLAT = 4.0
"""Grey levels of contrast below which what differs is noise."""
QUALITY = 92
"""Of a picture as JPEG, as a camera's frames are packed in `ui/live_camera/jpeg.js`."""


class Measures(NamedTuple):
    """Measures of a picture as a model sees it.

    Attributes:
        brightness: mean grey level, 0 to 255.
        warmth: how much more red than blue there is, in hundredths of all light, -100 to 100.
        sharpness: how much neighbouring pixels differ, in hundredths of the contrast, 0 to 800.
    """

    brightness: float
    warmth: float
    sharpness: float


BOUNDS = {"brightness": (0.0, 255.0), "warmth": (-100.0, 100.0), "sharpness": (0.0, 1000.0)}


class Percentiles(BaseModel):
    """A measure of many pictures: what 1, 5, 50, 95 and 99 in 100 of them are below."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    least: float
    low: float
    middle: float
    high: float
    most: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.least <= self.low <= self.middle <= self.high <= self.most:
            raise ValueError("expected least <= low <= middle <= high <= most")
        return self


class Appearance(BaseModel):
    """How training pictures look to a model, as a small file beside it has it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    pictures: int = Field(ge=FEWEST, le=1_000_000)
    brightness: Percentiles
    warmth: Percentiles
    sharpness: Percentiles

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        for name, (low, high) in BOUNDS.items():
            spread: Percentiles = getattr(self, name)
            if not low <= spread.least <= spread.most <= high:
                raise ValueError(f"{name} must be {low:g} to {high:g}")
        return self


def measure(picture: np.ndarray) -> Measures:
    """How (size, size, 3) uint8 RGB looks; only pictures of one size can be compared."""
    grey = np.asarray(Image.fromarray(picture).convert("L"))
    red, green, blue = picture.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    detail = images.laplacian(grey) / max(float(grey.std()), FLAT)
    return Measures(
        float(grey.mean()),
        100 * float(red - blue) / max(float(red + green + blue), 1.0),
        100 * detail,
    )


def as_camera_frame(picture: np.ndarray) -> np.ndarray:
    """What arrives of (size, size, 3) uint8 when it travels as a camera's frame does.

    Packing adds a little detail to soft pictures, so both sides are to have it.
    """
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "JPEG", quality=QUALITY)
    with Image.open(packed) as file:
        return np.asarray(file)


def summarise(found: Sequence[Measures]) -> Appearance | None:
    """The spread of each measure; None where there are too few pictures to tell.

    Few pictures have not met what one in a hundred would be. There the bounds are those of a
    prediction interval as well (Hahn and Meeker, 1991, with Student's t), whichever are wider.
    """
    if len(found) < FEWEST:
        return None
    values = np.array(found, np.float64)
    bounds = np.quantile(values, SHARES, axis=0)
    if len(found) < ENOUGH:
        within = np.array(list(BOUNDS.values())).T
        predicted = _predicted(values).clip(*within)
        half = len(SHARES) // 2
        bounds[:half] = np.minimum(bounds[:half], predicted[:half])
        bounds[-half:] = np.maximum(bounds[-half:], predicted[-half:])
    numbers = bounds.round(2).T.tolist()
    spreads = {
        name: dict(zip(Percentiles.model_fields, row, strict=True))
        for name, row in zip(Measures._fields, numbers, strict=True)
    }
    return Appearance.model_validate({"pictures": len(found), **spreads})


def _predicted(values: np.ndarray) -> np.ndarray:
    """What a further one is below, in each of `SHARES`, if they are normal: (5, 3) for (n, 3)."""
    count = len(values)
    normal = np.array([NormalDist().inv_cdf(share) for share in SHARES])
    student = normal * (1 + (normal**2 + 1) / (4 * (count - 1)))  # Fisher's expansion, first term
    factors = student * np.sqrt(1 + 1 / count)
    return values.mean(axis=0) + factors[:, np.newaxis] * values.std(axis=0, ddof=1)
