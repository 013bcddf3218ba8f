"""The estimate before a training beside what it then took, each in a worker and a home of its own.

    python -m benchmarks.estimate --data ants_bees.zip --data flowers5.zip

Every training begins with an empty feature cache. By default it also begins without what earlier
trainings have taught about this machine; with `--experienced` each preset is trained once before,
on the first of the datasets. Memory and disk are shown; asked is the time to a scored model.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import jobs
from benchmarks.jobs import Taken, Trained
from benchmarks.report import Figure, show
from benchmarks.scale import MEGABYTE, Peak, size_on_disk
from core import backbones
from core.estimating import estimate
from core.estimating.estimate import Estimate
from core.settings import Settings
from core.training import config as room
from core.training.config import TrainingConfig

FACTOR = 1.5
"""How far off an estimate may be, both ways."""


@dataclass(frozen=True)
class Told:
    """An estimate, and what the training then took; sizes in bytes."""

    before: Estimate
    done: Trained
    peak: Peak
    disk: int

    def figures(self, name: str) -> Iterator[tuple[str, Figure]]:
        """Estimate, found, and the larger over the smaller of the two, of each."""
        scored, exports = self.done.scored, self.done.ended - self.done.scored
        pairs = (
            ("seconds to a scored model", self.before.scored.value, scored),
            ("seconds for the exports", self.before.exports.value, exports),
            ("MB of memory", self.before.memory.value / MEGABYTE, self.peak.scored / MEGABYTE),
            (
                "MB of memory with exports",
                max(self.before.memory.value, self.before.export_memory.value) / MEGABYTE,
                self.peak.whole / MEGABYTE,
            ),
            ("MB of disk", self.before.disk.value / MEGABYTE, self.disk / MEGABYTE),
        )
        for what, expected, found in pairs:
            factor = max(expected / found, found / expected)
            yield f"{name}: {what}, estimated", Figure(expected)
            yield f"{name}: {what}, found", Figure(found)
            asked = FACTOR if what == pairs[0][0] else None
            yield f"{name}: {what}, factor", Figure(factor, at_most=asked)


def told(taken: Taken, config: TrainingConfig, home: Path, prepared: Path) -> Told:
    """Estimate a training, and train."""
    settings = jobs.new_home(home, prepared)
    (before,) = estimate.measured(taken.dataset, taken.pictures, [config], settings)
    peak = Peak()
    done = jobs.train(taken, config, settings, peak)
    jobs.keep_measurements(settings, prepared)
    features = settings.home / "features"
    return Told(before, done, peak, size_on_disk(done.run.path, features))


def compare(
    data: Sequence[Path], presets: Sequence[str], backbone: str, *, experienced: bool
) -> dict[str, Figure]:
    """Estimate and train each preset on each dataset."""
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepared = work / "prepared"
        jobs.prepare(backbone, jobs.new_home(prepared))
        asked = [room.preset(preset, backbone=backbone) for preset in presets]
        sets = [
            jobs.take_in(path, work / f"taken-{number}" / "intake", Settings(home=prepared))
            for number, path in enumerate(data)
        ]
        for config in asked if experienced else ():
            told(sets[0], config, work / f"before-{config.preset}", prepared)
        for number, taken in enumerate(sets):
            for config in asked:
                home = work / f"home-{number}-{config.preset}"
                if not experienced:
                    (prepared / jobs.MEASURED).unlink(missing_ok=True)
                found = told(taken, config, home, prepared)
                figures |= found.figures(f"{taken.dataset.name}, {config.preset}")
    return figures


def main() -> int:
    """Estimate, train, and print both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="zip or folder")
    parser.add_argument("--preset", action="append", choices=room.PRESETS)
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--experienced", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    presets = asked.preset or ["quick", "balanced"]
    figures = compare(asked.data, presets, asked.backbone, experienced=asked.experienced)
    note = f"The load of the machine was {load:.1f} before and {os.getloadavg()[0]:.1f} afterwards."
    return show(figures, as_json=asked.json, notes=[note])


if __name__ == "__main__":
    sys.exit(main())
