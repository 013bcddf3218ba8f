"""The one pass: pictures a second from files to features, beside the bound that its parts set.

    python -m benchmarks.extraction
    python -m benchmarks.extraction --data ants_bees.zip --backbone efficientnet-lite2

Without data, photographs of 500 × 375 pixels are cut from two that are here. In each round, in
turn: Pillow decodes all files on all cores, and nothing more; the engine runs all pictures, which
lie in memory as it wants them, on all cores; and `core.training.features` goes from files to
features with an empty cache. Cores that decode do not run the network meanwhile, so the bound is
1 / (1 / decoding + 1 / forward). Resizing and keeping the features are not in it: they are to fit
into what is left. The first round is not counted; rates and the ratio are medians of the others.
"""

from __future__ import annotations

import argparse
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
from benchmarks.report import Figure, show
from core import backbones, images
from core.backbones import Backbone
from core.dataset import Example
from core.settings import Settings
from core.system import files
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.engines import Engine
from core.training.network import Network

CORES = os.cpu_count() or 1


@dataclass(frozen=True)
class Round:
    """Pictures a second of each, measured one after the other."""

    decoded: float
    forward: float
    extracted: float

    @property
    def bound(self) -> float:
        """The most that is possible where decoding and forward pass share the cores."""
        return 1 / (1 / self.decoded + 1 / self.forward)


def decode(path: Path, edge: int) -> None:
    """What Pillow takes for a file, at the smallest scale that keeps its shorter edge so long."""
    with Image.open(path) as picture:
        picture.draft("RGB", (edge, edge))
        picture.convert("RGB")


def per_second(work: Callable[[], object], count: int) -> float:
    """How many a second, where the work is `count` of something."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


def examples_of(paths: Sequence[Path]) -> list[Example]:
    """Pictures as the pass wants to be told of them."""
    return [
        Example(
            name=path.name, path=str(path), label=0, sha256=files.sha256(path), width=0, height=0
        )
        for path in paths
    ]


def measure(
    examples: Sequence[Example], folder: Path, backbone: Backbone, engine: Engine, rounds: int
) -> list[Round]:
    """Decode, run and extract all pictures in turn, round after round."""
    paths = [folder / example.path for example in examples]
    edge = math.ceil(backbone.size / backbone.crop)
    views = np.stack([images.load(path, backbone.size, backbone.crop) for path in paths])
    chunks = [views[at : at + engine.batch] for at in range(0, len(views), engine.batch)]

    def decoded() -> None:
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(decode, paths, itertools.repeat(edge)))

    def forward() -> None:
        with ThreadPoolExecutor(engine.lanes) as pool:
            list(pool.map(engine.run, chunks))

    def extracted() -> None:
        with tempfile.TemporaryDirectory(prefix="tusker-") as cache:
            features.extract(
                examples,
                folder,
                backbone,
                Augmentation.none(),
                engine,
                FeatureCache(Path(cache)),
                seed=0,
                progress=lambda _done, _total: None,
            )

    works = (decoded, forward, extracted)
    found = [Round(*(per_second(work, len(paths)) for work in works)) for _ in range(rounds + 1)]
    return found[1:]


def figures(rounds: Sequence[Round]) -> dict[str, Figure]:
    """Medians of the rounds beside what is asked of them."""
    return {
        "bare decoding, pictures a second": Figure(median(r.decoded for r in rounds)),
        "bare forward pass, pictures a second": Figure(median(r.forward for r in rounds)),
        "their bound, pictures a second": Figure(median(r.bound for r in rounds)),
        "from files to features, pictures a second": Figure(median(r.extracted for r in rounds)),
        "share of the bound": Figure(median(r.extracted / r.bound for r in rounds), at_least=0.85),
    }


def given(
    data: Path | None, count: int, folder: Path, settings: Settings
) -> tuple[list[Example], Path]:
    """The pictures of a zip, or `count` of our own, and the folder that they are in."""
    if data is None:
        return examples_of(pictures.photographs(folder / "cuts", count)), folder / "cuts"
    taken = jobs.take_in(data, folder / "intake", settings)
    return list(taken.dataset.examples), taken.pictures


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a zip of class folders")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--pictures", type=int, default=150, help="to cut where no data is given")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    backbone = backbones.get(asked.backbone)
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        settings = jobs.new_home(folder / "home")
        jobs.prepare(backbone.name, settings)
        examples, where = given(asked.data, asked.pictures, folder, settings)
        engine = engines.litert(Network(backbone, settings), None)
        rounds = measure(examples, where, backbone, engine, asked.rounds)
    return show(figures(rounds), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
