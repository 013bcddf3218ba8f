"""What a training costs as the pictures grow in number: seconds, memory and disk.

    python -m benchmarks.scale
    python -m benchmarks.scale --full

Trains on 500, 2,000 and 8,000 drawn pictures (with `--full` 32,000 as well), each size in a fresh
worker process and a home of its own. Drawing and taking in come before and are not counted.

Seconds a picture run from the start of the process to a scored model; `at work` leaves the start
out, so that it cannot hide what grows. Memory is the most that the worker and its children held
at once, by the system's own high-water mark where it keeps one; exports are part of the job, and
their share is told apart. Growth is what a picture more adds from the smallest size to 8,000, up
to where the exports begin: these convert the same network whatever it has learned from, and their
peak differs by 200 MB from one time to the next. Disk is the run's folder and the kept features.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import jobs, pictures
from benchmarks.report import Figure, show
from core import backbones
from core.training import config as configuration

SIZES = (500, 2_000, 8_000)
FULL = 32_000
CLASSES = 8
MEGABYTE = 1024 * 1024
LOOK_SECONDS = 0.1


class Peak:
    """Watches what a worker and its children hold in memory, in bytes.

    Attributes:
        scored: the most until its model was scored.
        whole: the most until it was gone.
    """

    def __init__(self) -> None:
        self.scored = self.whole = 0
        self._seen: list[tuple[float, int]] = []
        self._next = 0.0

    def __call__(self, pid: int, scored: bool) -> None:
        """Look, unless that was done just now: looking takes time from the worker."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK_SECONDS
        held = max(_held(pid), high_water(pid))
        self.whole = max(self.whole, held)
        self._seen.append((time.time(), self.whole))
        if not scored:
            self.scored = max(self.scored, held)

    def until(self, at: float) -> int:
        """The most until a time, in seconds since 1970."""
        return max((held for seen, held in self._seen if seen <= at), default=0)


def _held(pid: int) -> int:
    """Resident memory of a process and its children, in bytes; 0 once it is gone."""
    held = 0
    with contextlib.suppress(psutil.Error):
        worker = psutil.Process(pid)
        for process in (worker, *worker.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                held += process.memory_info().rss
    return held


def high_water(pid: int) -> int:
    """The most that a process ever held, in bytes, where the system keeps count; else 0."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True)
class Cost:
    """What one training cost; seconds, and bytes."""

    pictures: int
    seconds: float
    worked: float
    peak_scored: int
    peak_before_exports: int
    peak: int
    disk: int

    @property
    def each(self) -> float:
        """Seconds a picture."""
        return self.seconds / self.pictures

    @property
    def each_at_work(self) -> float:
        """Seconds a picture without the start of the process."""
        return self.worked / self.pictures


def size_on_disk(*folders: Path) -> int:
    """Bytes of all files below some folders."""
    return sum(
        path.stat().st_size
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def cost(count: int, preset: str, backbone: str, folder: Path, prepared: Path) -> Cost:
    """Train on so many drawn pictures and see what it takes."""
    drawn = folder / f"drawn-{count}"
    pictures.tree(drawn, count, CLASSES)
    settings = jobs.new_home(folder / f"home-{count}", prepared, **roomy(count))
    taken = jobs.take_in(drawn, folder / f"intake-{count}", settings)
    peak = Peak()
    asked = configuration.preset(preset, backbone=backbone)
    done = jobs.train(taken, asked, settings, peak)
    jobs.keep_measurements(settings, prepared)
    return Cost(
        pictures=len(taken.dataset.examples),
        seconds=done.scored,
        worked=done.worked,
        peak_scored=peak.scored,
        peak_before_exports=peak.until(done.began + done.exporting),
        peak=peak.whole,
        disk=size_on_disk(done.run.path, settings.home / "features"),
    )


def figures(costs: Sequence[Cost]) -> dict[str, Figure]:
    """What was measured beside what is asked between the smallest size and 8,000."""
    found: dict[str, Figure] = {}
    few = costs[0]
    judged = [one for one in costs if one.pictures <= SIZES[-1]]
    many = max(judged, key=lambda one: one.pictures)
    for one in costs:
        head = f"{one.pictures:,} pictures:"
        found |= {
            f"{head} seconds to a scored model": Figure(one.seconds),
            f"{head} milliseconds a picture": Figure(1000 * one.each),
            f"{head} milliseconds a picture at work": Figure(1000 * one.each_at_work),
            f"{head} MB until scored": Figure(one.peak_scored / MEGABYTE),
            f"{head} MB until its exports": Figure(one.peak_before_exports / MEGABYTE),
            f"{head} MB at most": Figure(
                one.peak / MEGABYTE, at_most=1500 if one is many else None
            ),
            f"{head} MB on disk": Figure(one.disk / MEGABYTE),
        }
    more = max(1, many.pictures - few.pictures)
    return found | {
        "seconds a picture, most to fewest": Figure(many.each / few.each, at_most=1.2),
        "seconds a picture at work, most to fewest": Figure(many.each_at_work / few.each_at_work),
        "KB a picture more, until scored": Figure(
            (many.peak_scored - few.peak_scored) / more / 1024, at_most=20
        ),
        "KB a picture more, until its exports": Figure(
            (many.peak_before_exports - few.peak_before_exports) / more / 1024, at_most=20
        ),
    }


def roomy(count: int) -> dict[str, int]:
    """Limits that let so many pictures in."""
    return {
        "pictures": count,
        "pictures_per_class": -(-count // CLASSES),
        "archive_entries": count,
        "intake_seconds": count,
    }


def main(arguments: list[str] | None = None) -> int:
    """Train on each number of pictures and print what it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PICTURES")
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} pictures as well")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    sizes = sorted({*asked.sizes, *((FULL,) if asked.full else ())})
    with tempfile.TemporaryDirectory(prefix="tusker-") as name:
        folder = Path(name)
        prepared = jobs.new_home(folder / "prepared")
        jobs.prepare(asked.backbone, prepared)
        costs = []
        for count in sizes:
            if not asked.json:
                print(f"{count:,} pictures are drawn and learned from.", file=sys.stderr)
            costs.append(cost(count, asked.preset, asked.backbone, folder, prepared.home))
    return show(figures(costs), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
