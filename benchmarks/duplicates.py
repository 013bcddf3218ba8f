"""Finding near-duplicates: seconds and memory by number of pictures, and recall of planted copies.

    python -m benchmarks.duplicates
    python -m benchmarks.duplicates --datasets FOLDER

Each number of pictures is measured in a new process. Generated pictures are never copies of each
other. Frames of a fixed camera show one scene in changing light, with noise and a moving object.

With `--datasets`, every picture of the zips in the folder gets one copy, each of the next of ten
kinds, and 24 pictures get five whole and five slightly cropped copies. Recall is the share of the
copies that are grouped with their original, among those that look the same when the two are
compared alone.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.report import Figure, argument_parser, show
from benchmarks.scale import high_water
from core import images
from core.checks import near_duplicates
from core.dataset.fingerprints import CHROMA, GREY, Fingerprint, Fingerprints, fingerprint
from core.intake import samples
from core.settings import MEGABYTE, Settings
from core.system import threads

GENERATED = {2_000: (None, None), 20_000: (30, 500), 100_000: (240, 1_000)}
"""Pictures, and the most seconds and megabytes on two cores."""
FRAMES = {1_000: (None, None), 5_000: (30, 500)}
RECALL = 0.99
SCENES, COPIES = 24, 5  # pictures with many copies, and copies of each of the two kinds


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code is 1 if a required value is missed."""
    parser = argument_parser(__doc__)
    parser.add_argument("--datasets", type=Path, help="folder with zips of pictures")
    parser.add_argument("--worker", nargs=2, metavar=("KIND", "PICTURES"), help="for internal use")
    options = parser.parse_args(arguments)
    if options.worker:
        kind, count = options.worker
        print(json.dumps(measure(kind, int(count))))
        return 0
    figures = scaling("generated pictures", GENERATED) | scaling("frames", FRAMES)
    if options.datasets:
        with tempfile.TemporaryDirectory() as folder:
            figures |= recall(sorted(options.datasets.glob("*.zip")), Path(folder))
    return show(figures, as_json=options.json)


def scaling(kind: str, sizes: Mapping[int, tuple[int | None, int | None]]) -> dict[str, Figure]:
    """Seconds and memory by number of pictures, each in a new process.

    Args:
        sizes: pictures, and the most seconds and megabytes.
    """
    figures: dict[str, Figure] = {}
    for count, (seconds, megabytes) in sizes.items():
        command = [sys.executable, "-m", "benchmarks.duplicates", "--worker", kind, str(count)]
        measured = json.loads(subprocess.check_output(command))
        name = f"{count:,} {kind}"
        figures[f"{name}: seconds"] = Figure(measured["seconds"], at_most=seconds)
        figures[f"{name}: seconds of a core"] = Figure(measured["cpu"])
        figures[f"{name}: MB"] = Figure(measured["megabytes"], at_most=megabytes)
        figures[f"{name}: groups"] = Figure(measured["groups"])
    return figures


def measure(kind: str, count: int) -> dict[str, float]:
    """Group pictures of a kind in this process."""
    make = frames if kind == "frames" else generated
    grey = np.empty((count, GREY, GREY), np.uint8)
    for number, picture in enumerate(make(count)):
        grey[number] = picture
    chroma = np.full((count, CHROMA, CHROMA, 2), 128, np.uint8)
    rows = np.arange(count)
    began, worked = time.perf_counter(), time.process_time()
    group = near_duplicates.group(grey, chroma, rows, rows)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - worked,
        "megabytes": high_water(os.getpid()) / MEGABYTE,
        "groups": len(np.unique(group)),
    }


def generated(count: int) -> Iterator[np.ndarray]:
    """Grey pictures of 16 × 16 random squares."""
    random = np.random.default_rng(0)
    for _ in range(count):
        squares = random.integers(0, 256, (16, 16), dtype=np.uint8)
        yield squares.repeat(4, axis=0).repeat(4, axis=1)


def frames(count: int) -> Iterator[np.ndarray]:
    """Grey frames of a fixed camera."""
    random = np.random.default_rng(0)
    size = 2 * GREY
    content = samples.photographs()["Palace"].content
    with Image.open(io.BytesIO(content)) as photograph:
        scene = np.asarray(photograph.convert("L").resize((size, size)), np.float32)
    slope = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    for _ in range(count):
        light = random.uniform(0.6, 1.3) + random.uniform(-0.3, 0.3) * slope
        frame = scene * light + random.normal(0, 8, scene.shape)
        (left, top), edge = random.integers(0, size - 16, 2), random.integers(8, 17)
        frame[top : top + edge, left : left + edge] = random.integers(0, 256)
        frame = frame.clip(0, 255).reshape(GREY, 2, GREY, 2).mean((1, 3))
        yield frame.astype(np.uint8)


def recall(zips: list[Path], folder: Path) -> dict[str, Figure]:
    """Plant copies among the pictures of some zips, and count those that are found."""
    originals: list[Fingerprint] = []
    copies: list[Fingerprint] = []
    scenes: list[Fingerprint] = []

    def prepare(item: tuple[int, bytes]) -> list[Fingerprint]:
        number, content = item
        contents = [content, list(KINDS.values())[number % len(KINDS)](_opened(content))]
        if number < SCENES:
            contents += [_jpeg(_opened(content), 90 - 5 * k) for k in range(COPIES)]
            contents += [
                _jpeg(_cropped(_opened(content), 0.05, 0.03 + 0.005 * k, 0.04, 0.02))
                for k in range(COPIES)
            ]
        results = []
        for part, data in enumerate(contents):
            path = folder / f"{number} {part}"
            path.write_bytes(data)
            results.append(fingerprint(path, Settings()))
            path.unlink()
        return results

    cores = threads.cores()
    for prepared in threads.map_ordered(
        prepare, enumerate(_contents(zips)), threads=cores, most=2 * cores, name="copies"
    ):
        originals.append(prepared[0])
        copies.append(prepared[1])
        scenes += prepared[2:]
    figures: dict[str, Figure] = {}
    fingerprints = Fingerprints.of(originals + copies)
    group = _groups(fingerprints)
    pairs = [[fingerprints.place[f.sha256] for f in part] for part in (originals, copies)]
    first, second = np.array(pairs)
    alone = np.array(
        [_look_the_same(fingerprints, a, b) for a, b in zip(first, second, strict=True)]
    )
    together = group[first] == group[second]
    figures[f"{len(first):,} copies: look the same alone"] = Figure(float(alone.mean()))
    for number, kind in enumerate(KINDS):
        of_kind = alone & (np.arange(len(first)) % len(KINDS) == number)
        figures[f"recall, {kind}"] = Figure(float(together[of_kind].mean()), at_least=RECALL)
    figures["recall"] = Figure(float(together[alone].mean()), at_least=RECALL)
    figures["the same again"] = Figure(float((group == _groups(fingerprints)).mean()), at_least=1)
    fingerprints = Fingerprints.of(scenes)
    group = _groups(fingerprints)
    divided = 0
    for start in range(0, len(scenes), 2 * COPIES):
        rows = [fingerprints.place[f.sha256] for f in scenes[start : start + 2 * COPIES]]
        divided += len(np.unique(group[rows])) > 1
    figures[f"{SCENES} scenes of {2 * COPIES} copies: in two groups"] = Figure(divided, at_most=0)
    return figures


def _contents(zips: list[Path]) -> Iterator[bytes]:
    for path in zips:
        with zipfile.ZipFile(path) as source:
            for name in source.namelist():
                if name.lower().endswith((".jpg", ".jpeg", ".png")):
                    yield source.read(name)


def _groups(fingerprints: Fingerprints) -> np.ndarray:
    grey, chroma = fingerprints.rows["grey"], fingerprints.rows["chroma"]
    rows = np.arange(len(grey))
    return near_duplicates.group(grey, chroma, rows, rows)


def _look_the_same(fingerprints: Fingerprints, first: int, second: int) -> bool:
    rows, pair = fingerprints.rows[[first, second]], np.arange(2)
    group = near_duplicates.group(rows["grey"], rows["chroma"], pair, pair)
    return bool(group[0] == group[1])


def _opened(content: bytes) -> Image.Image:
    return Image.fromarray(images.decode(content, limits=Settings(), shorter_edge=400))


def _jpeg(picture: Image.Image, quality: int = 92) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _webp(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=60)
    return buffer.getvalue()


def _scaled(scale: float, picture: Image.Image) -> bytes:
    return _jpeg(picture.resize((round(picture.width * scale), round(picture.height * scale))))


def _cropped(
    picture: Image.Image, left: float, top: float, right: float, bottom: float
) -> Image.Image:
    """Without a part of each edge."""
    width, height = picture.size
    return picture.crop(
        (
            round(width * left),
            round(height * top),
            round(width * (1 - right)),
            round(height * (1 - bottom)),
        )
    )


KINDS: dict[str, Callable[[Image.Image], bytes]] = {
    "re-encoded": partial(_jpeg, quality=40),
    "as WebP": _webp,
    "half the size": partial(_scaled, 0.5),
    "larger": partial(_scaled, 1.5),
    "cropped at a corner": lambda p: _jpeg(_cropped(p, 0.05, 0.05, 0, 0)),
    "cropped all round": lambda p: _jpeg(_cropped(p, 0.05, 0.05, 0.05, 0.05)),
    "cropped at the side": lambda p: _jpeg(_cropped(p, 0, 0, 0.05, 0)),
    "mirrored": lambda p: _jpeg(ImageOps.mirror(p)),
    "mirrored and cropped": lambda p: _jpeg(_cropped(ImageOps.mirror(p), 0.05, 0, 0, 0.05), 60),
    "brighter": lambda p: _jpeg(p.point(lambda v: v * 1.15 + 5)),
}


if __name__ == "__main__":
    sys.exit(main())
