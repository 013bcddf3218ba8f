"""Pictures for benchmarks: cuts of two photographs, or generated drawings."""

import colorsys
import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from core.intake import samples

PHOTOGRAPH = (500, 375)
DRAWING = (200, 150)


def photographs(folder: Path, count: int, size: tuple[int, int] = PHOTOGRAPH) -> list[Path]:
    """Write random cuts of scikit-learn's photographs as JPEG: they have the detail of real ones.

    Args:
        size: width and height, in pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    sources = [Image.open(io.BytesIO(sample.content)) for sample in samples.photographs().values()]
    written = []
    for number in range(count):
        source = sources[number % len(sources)]
        share = random.uniform(0.6, 1.0)
        width = min(source.width, source.height * size[0] / size[1]) * share
        height = width * size[1] / size[0]
        left = random.uniform(0, source.width - width)
        top = random.uniform(0, source.height - height)
        cut = source.resize(
            size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height)
        )
        written.append(folder / f"{number:05d}.jpg")
        cut.save(written[-1], quality=90)
    return written


def tree(folder: Path, count: int, classes: int = 8, size: tuple[int, int] = DRAWING) -> None:
    """Write drawings in one folder per class: stripes of the class's hue and angle on clouds.

    Args:
        count: of all pictures; the classes get equal shares.
        size: width and height, in pixels.
    """
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for number in range(count):
        label = number % classes
        random = np.random.default_rng([7, number])
        small = random.integers(70, 186, (9, 12, 3), dtype=np.uint8)
        clouds = np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))
        grain = random.integers(-20, 21, (height, width, 1), dtype=np.int8)
        angle = math.pi * label / classes + random.normal(0, 0.1)
        across = (x * math.cos(angle) + y * math.sin(angle)) / random.uniform(4, 7)
        stripes = np.tanh(4 * np.sin(across + random.uniform(0, 6)))[..., None]
        hue = np.array(colorsys.hsv_to_rgb(label / classes, 0.7, 1.0), np.float32) - 0.5
        drawn = clouds + grain + stripes * hue * np.float32(random.uniform(60, 120))
        path = folder / f"class {label}" / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.clip(0, 255).astype(np.uint8)).save(path, quality=85)
