"""Draw small pictures of coloured shapes: classes that a tiny network can learn."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

NAMES = ("circle", "square", "triangle", "cross", "ring", "diamond", "bar", "ell")
COLOURS = (
    (214, 73, 51),
    (40, 120, 200),
    (60, 160, 80),
    (230, 180, 40),
    (140, 80, 180),
    (20, 170, 170),
    (220, 120, 170),
    (120, 100, 70),
)


def draw(label: int, seed: int = 0, size: int = 48) -> Image.Image:
    """Draw one shape on noise; position, size and noise depend on the seed.

    Args:
        label: class, 0 to 7; shape and colour go together.
        seed: equal seeds give equal pictures.
        size: edge in pixels.
    """
    random = np.random.default_rng([label, seed, size])
    noise = random.normal(128 + random.uniform(-30, 30), 25, (size, size, 3))
    picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8), "RGB")
    radius = size * random.uniform(0.22, 0.34)
    x, y = random.uniform(radius, size - radius, 2)
    shade = np.asarray(COLOURS[label]) + random.normal(0, 12, 3)
    fill = tuple(int(channel) for channel in shade.clip(0, 255))
    pen = ImageDraw.Draw(picture)
    box = (x - radius, y - radius, x + radius, y + radius)
    stroke = max(2, round(radius * 0.45))
    match NAMES[label]:
        case "circle":
            pen.ellipse(box, fill=fill)
        case "square":
            pen.rectangle(box, fill=fill)
        case "triangle":
            pen.polygon([(x, box[1]), (box[0], box[3]), (box[2], box[3])], fill=fill)
        case "cross":
            pen.line((*box[:2], *box[2:]), fill=fill, width=stroke)
            pen.line((box[0], box[3], box[2], box[1]), fill=fill, width=stroke)
        case "ring":
            pen.ellipse(box, outline=fill, width=stroke)
        case "diamond":
            pen.polygon([(x, box[1]), (box[2], y), (x, box[3]), (box[0], y)], fill=fill)
        case "bar":
            pen.rectangle((box[0], y - radius / 3, box[2], y + radius / 3), fill=fill)
        case "ell":
            pen.line([box[:2], (box[0], box[3]), box[2:]], fill=fill, width=stroke)
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """Encode a picture; `options` are passed to Pillow. JPEG has a quality of 92 by default."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **({"quality": 92} if kind == "JPEG" else {}) | options)
    return buffer.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def shapes_zip(
    folder: Path, *, classes: int = 3, per_class: int = 12, size: int = 48, name: str = "shapes.zip"
) -> Path:
    """A zip of class folders, `circle/00.jpg` and so on; equal arguments give equal pictures.

    Args:
        folder: where the zip is written.
        classes: 1 to 8.
        per_class: pictures in each.
        size: edge in pixels.
        name: file name of the zip.
    """
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(classes):
            for number in range(per_class):
                member = f"{NAMES[label]}/{number:02}.jpg"
                archive.writestr(member, encoded(draw(label, number, size)))
    return path


def sites_zip(
    folder: Path,
    *,
    sites: int = 12,
    first: int = 0,
    per_site: int = 12,
    size: int = 48,
    name: str = "sites.zip",
    file_name: str = "{label}/site{site:02}_{number:04}.jpg",
    **options: Any,
) -> Path:
    """A zip of circles and squares whose background tells the site, and the site mostly the class.

    Each site has a background colour and five pictures of its common class to one of the other. The
    shapes are small and noisy: a model that has seen the site learns its colour instead.

    Args:
        folder: where the zip is written.
        sites: number of sites.
        first: number of the first one.
        per_site: pictures of each, a multiple of 6.
        size: edge in pixels.
        name: file name of the zip.
        file_name: of a picture, by `label`, `site` and `number`.
        options: passed to Pillow for each picture, such as `exif`.
    """
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for site in range(first, first + sites):
            colour = np.random.default_rng([7, site]).uniform(30, 225, 3)
            for number in range(per_site):
                label = (site + (number % 6 == 0)) % 2
                random = np.random.default_rng([site, number])
                noise = colour + random.normal(0, 40, (size, size, 3))
                picture = Image.fromarray(noise.clip(0, 255).astype(np.uint8), "RGB")
                radius = size * random.uniform(0.05, 0.12)
                x, y = random.uniform(radius, size - radius, 2)
                fill = tuple(random.integers(0, 255, 3).tolist())
                pen = ImageDraw.Draw(picture)
                (pen.rectangle if label else pen.ellipse)(
                    (x - radius, y - radius, x + radius, y + radius), fill=fill
                )
                member = file_name.format(label=NAMES[label], site=site, number=number)
                archive.writestr(member, encoded(picture, **options))
    return path
