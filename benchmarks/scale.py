"""Training with a growing number of pictures: seconds, memory and disk.

    python -m benchmarks.scale
    python -m benchmarks.scale --full

Trains on 500, 2,000 and 8,000 generated pictures (with `--full` also 32,000), each size in a new
worker process with an empty `TUSKER_HOME`. Generating and importing the pictures is not counted.

Seconds per picture run from the start of the process to an evaluated model; "without startup"
leaves out the constant start of the process. Memory is the peak of the worker and its children
together, by the system's high-water mark where there is one. Growth per picture is measured from
the smallest size to 8,000. Disk is the run's folder and the feature cache.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import jobs, pictures
from benchmarks.report import Figure, argument_parser, show
from core import backbones
from core.training import config as configuration

SIZES = (500, 2_000, 8_000)
FULL = 32_000
CLASSES = 8
MEGABYTE = 1024 * 1024
INTERVAL_SECONDS = 0.1


class Peak:
    """Records the peak memory of a worker and its children, in bytes.

    Attributes:
        scored: peak until the model was evaluated.
        whole: peak of the whole job.
    """

    def __init__(self) -> None:
        self.scored = self.whole = 0
        self._next = 0.0

    def __call__(self, pid: int, scored: bool) -> None:
        """Measure at intervals, because measuring takes time from the worker."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        held = max(_resident(pid), high_water(pid))
        self.whole = max(self.whole, held)
        if not scored:
            self.scored = max(self.scored, held)


def _resident(pid: int) -> int:
    """Resident memory of a process and its children, in bytes; 0 after its end."""
    held = 0
    with contextlib.suppress(psutil.Error):
        worker = psutil.Process(pid)
        for process in (worker, *worker.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
    return held


def high_water(pid: int) -> int:
    """Peak resident memory of a process in bytes, as the system counts it; 0 if unknown."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes of one training."""

    pictures: int
    seconds: float
    worked: float
    peak_scored: int
    peak: int
    disk: int

    @property
    def seconds_per_picture(self) -> float:
        """Seconds per picture."""
        return self.seconds / self.pictures

    @property
    def seconds_per_picture_without_startup(self) -> float:
        """Seconds per picture without the start of the process."""
        return self.worked / self.pictures


def size_on_disk(*folders: Path) -> int:
    """Bytes of all files in some folders."""
    return sum(
        path.stat().st_size
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def measure(count: int, preset: str, backbone: str, folder: Path, prepared: Path) -> Cost:
    """Train on `count` generated pictures and measure the cost."""
    drawn = folder / f"drawn-{count}"
    pictures.tree(drawn, count, CLASSES)
    settings = jobs.new_home(folder / f"home-{count}", prepared, **raised_limits(count))
    imported = jobs.take_in(drawn, folder / f"intake-{count}", settings)
    peak = Peak()
    config = configuration.preset(preset, backbone=backbone)
    trained = jobs.train(imported, config, settings, peak)
    jobs.keep_measurements(settings, prepared)
    return Cost(
        pictures=len(imported.dataset.examples),
        seconds=trained.scored,
        worked=trained.worked,
        peak_scored=peak.scored,
        peak=peak.whole,
        disk=size_on_disk(trained.run.path, settings.home / "features"),
    )


def figures(costs: Sequence[Cost]) -> dict[str, Figure]:
    """The costs, with the required growth between the smallest size and 8,000."""
    shown: dict[str, Figure] = {}
    smallest = costs[0]
    required = [cost for cost in costs if cost.pictures <= SIZES[-1]]
    largest = max(required, key=lambda cost: cost.pictures)
    for cost in costs:
        head = f"{cost.pictures:,} pictures:"
        shown |= {
            f"{head} seconds to an evaluated model": Figure(cost.seconds),
            f"{head} milliseconds per picture": Figure(1000 * cost.seconds_per_picture),
            f"{head} milliseconds per picture, without startup": Figure(
                1000 * cost.seconds_per_picture_without_startup
            ),
            f"{head} MB until evaluated": Figure(cost.peak_scored / MEGABYTE),
            f"{head} MB at peak": Figure(
                cost.peak / MEGABYTE, at_most=1500 if cost is largest else None
            ),
            f"{head} MB on disk": Figure(cost.disk / MEGABYTE),
        }
    additional = max(1, largest.pictures - smallest.pictures)
    return shown | {
        "seconds per picture, largest to smallest": Figure(
            largest.seconds_per_picture / smallest.seconds_per_picture, at_most=1.2
        ),
        "without startup, largest to smallest": Figure(
            largest.seconds_per_picture_without_startup
            / smallest.seconds_per_picture_without_startup
        ),
        "KB per additional picture, until evaluated": Figure(
            (largest.peak_scored - smallest.peak_scored) / additional / 1024, at_most=20
        ),
        "KB per additional picture": Figure(
            (largest.peak - smallest.peak) / additional / 1024, at_most=20
        ),
    }


def raised_limits(count: int) -> dict[str, int]:
    """Limits that allow so many pictures."""
    return {
        "pictures": count,
        "pictures_per_class": -(-count // CLASSES),
        "archive_entries": count,
        "intake_seconds": count,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and print the costs."""
    parser = argument_parser(__doc__)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PICTURES")
    parser.add_argument("--full", action="store_true", help=f"also {FULL:,} pictures")
    options = parser.parse_args(arguments)
    sizes = sorted({*options.sizes, *((FULL,) if options.full else ())})
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        prepared = jobs.new_home(folder / "prepared")
        jobs.prepare(options.backbone, prepared)
        costs = []
        for count in sizes:
            if not options.json:
                print(f"Training on {count:,} pictures.", file=sys.stderr)
            costs.append(measure(count, options.preset, options.backbone, folder, prepared.home))
    return show(figures(costs), as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
