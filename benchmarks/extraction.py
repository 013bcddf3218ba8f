"""Feature extraction: pictures per second, compared with the bound that its parts set.

    python -m benchmarks.extraction
    python -m benchmarks.extraction --data ants_bees.zip --backbone efficientnet-lite2

Without `--data`, photographs of 500 × 375 pixels are cut from two that come with the project. Each
round measures three things on all cores: Pillow decodes all files; the engine runs all pictures,
which are in memory at the right size; and `core.training.features` extracts features from the files
with an empty cache. A core that decodes cannot run the network at the same time, so the bound is
1 / (1 / decoding + 1 / forward). Resizing and storing the features are not in the bound. The first
round is not counted; rates and the ratio are medians of the others.
"""

import itertools
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from benchmarks import jobs, pictures
from benchmarks.report import Figure, argument_parser, show
from core import backbones, images
from core.backbones import Backbone
from core.dataset import Example
from core.settings import Settings
from core.system import files
from core.training import engines, features
from core.training.augmentation import Rendering
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.engines import Engine
from core.training.network import Network

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Round:
    """Pictures per second of each part, measured one after the other."""

    decoded: float
    forward: float
    extracted: float

    @property
    def bound(self) -> float:
        """The maximum rate if decoding and forward pass share the cores."""
        return 1 / (1 / self.decoded + 1 / self.forward)


def decode(path: Path, edge: int) -> None:
    """Decode a file with Pillow, at the smallest scale whose shorter edge is at least `edge`."""
    with Image.open(path) as picture:
        picture.draft("RGB", (edge, edge))
        picture.convert("RGB")


def per_second(work: Callable[[], object], count: int) -> float:
    """Items per second of work on `count` items."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def examples_of(paths: Sequence[Path]) -> list[Example]:
    """Pictures as examples of a dataset."""
    return [
        Example(
            name=path.name, path=str(path), label=0, sha256=files.sha256(path), width=0, height=0
        )
        for path in paths
    ]


def measure(
    examples: Sequence[Example], folder: Path, backbone: Backbone, engine: Engine, rounds: int
) -> list[Round]:
    """Measure decoding, forward pass and extraction in turn, round after round."""
    paths = [folder / example.path for example in examples]
    edge = math.ceil(backbone.size / backbone.crop)
    limits, size, crop = Settings(), backbone.size, backbone.crop
    views = np.stack([images.decode_and_crop(path, size, crop, limits=limits) for path in paths])
    chunks = [views[at : at + engine.batch] for at in range(0, len(views), engine.batch)]

    def decoded() -> None:
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(decode, paths, itertools.repeat(edge)))

    def forward() -> None:
        with ThreadPoolExecutor(engine.callers) as pool:
            list(pool.map(engine.run, chunks))

    def extracted() -> None:
        with tempfile.TemporaryDirectory(prefix="tusker-") as cache:
            features.extract(
                examples,
                folder,
                Rendering(Augmentation(), backbone.size, crop, limits),
                engine,
                FeatureCache(Path(cache)),
                progress=lambda _done, _total: None,
            )

    works = (decoded, forward, extracted)
    measured = [Round(*(per_second(work, len(paths)) for work in works)) for _ in range(rounds + 1)]
    return measured[1:]


def figures(rounds: Sequence[Round]) -> dict[str, Figure]:
    """Medians of the rounds, with the required values."""
    return {
        "decoding, pictures per second": Figure(median(r.decoded for r in rounds)),
        "forward pass, pictures per second": Figure(median(r.forward for r in rounds)),
        "bound, pictures per second": Figure(median(r.bound for r in rounds)),
        "extraction, pictures per second": Figure(median(r.extracted for r in rounds)),
        "share of the bound": Figure(median(r.extracted / r.bound for r in rounds), at_least=0.85),
    }


def load_examples(
    data: Path | None, count: int, folder: Path, settings: Settings
) -> tuple[list[Example], Path]:
    """The pictures of a zip, or `count` generated ones, and their folder."""
    if data is None:
        return examples_of(pictures.photographs(folder / "cuts", count)), folder / "cuts"
    imported = jobs.take_in(data, folder / "intake", settings)
    return list(imported.dataset.examples), imported.pictures


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the medians."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, help="a zip of class folders")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--pictures", type=int, default=150, help="pictures, without --data")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    backbone = backbones.get(options.backbone)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        settings = jobs.new_home(folder / "home")
        jobs.prepare(backbone.name, settings)
        examples, pictures_folder = load_examples(options.data, options.pictures, folder, settings)
        engine = engines.litert(Network(backbone, settings), None)
        rounds = measure(examples, pictures_folder, backbone, engine, options.rounds)
    return show(figures(rounds), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
