"""Compare estimates with the trainings that follow, each in its own worker and home folder.

    python -m benchmarks.estimate --data ants_bees.zip --data flowers5.zip

Every training begins with an empty feature cache. By default it also begins with the built-in unit
costs; with `--recorded` each preset is trained once before, on the first of the datasets. Run it on
an idle machine: unit costs are those of all its cores.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import jobs
from benchmarks.jobs import ImportedDataset
from benchmarks.report import Figure, show
from benchmarks.scale import MEGABYTE, Peak, size_on_disk
from core import backbones
from core.estimating import estimate
from core.estimating.estimate import FACTOR
from core.settings import Settings
from core.training import config as training_config
from core.training.config import TrainingConfig


def train(
    imported: ImportedDataset, config: TrainingConfig, home: Path, prepared: Path
) -> dict[str, Figure]:
    """Estimate and train; a factor is the larger of estimate and measurement over the smaller."""
    settings = jobs.new_home(home, prepared)
    expected = estimate.estimate(imported.dataset, config, settings)
    peak = Peak()
    trained = jobs.train(imported, config, settings, peak)
    jobs.keep_measurements(settings, prepared)
    disk = size_on_disk(trained.run.path, settings.home / "features")
    tuned = any(event.phase == "fine-tune" for event in trained.run.epochs())
    seconds = expected.scored if tuned or expected.least is None else expected.least
    figures: dict[str, Figure] = {}
    for quantity, estimated, measured in (
        ("s to a scored model", seconds, trained.scored),
        ("MB of memory", expected.memory / MEGABYTE, peak.scored / MEGABYTE),
        ("MB of disk", expected.disk / MEGABYTE, disk / MEGABYTE),
    ):
        name = f"{imported.dataset.name}, {config.preset}: {quantity}"
        figures[f"{name}, estimated"] = Figure(estimated)
        figures[f"{name}, measured"] = Figure(measured)
        factor = max(estimated / measured, measured / estimated)
        bound = FACTOR if quantity.startswith("s ") else None
        figures[f"{name}, factor"] = Figure(factor, at_most=bound)
    return figures


def compare(
    data: Sequence[Path], presets: Sequence[str], backbone: str, *, recorded: bool
) -> dict[str, Figure]:
    """Estimate and train each preset on each dataset."""
    figures: dict[str, Figure] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepared = work / "prepared"
        jobs.prepare(backbone, jobs.new_home(prepared))
        configs = [training_config.preset(preset, backbone=backbone) for preset in presets]
        datasets = [
            jobs.take_in(path, work / f"taken-{number}" / "intake", Settings(home=prepared))
            for number, path in enumerate(data)
        ]
        for config in configs if recorded else ():
            train(datasets[0], config, work / f"before-{config.preset}", prepared)
        for number, imported in enumerate(datasets):
            for config in configs:
                if not recorded:
                    (prepared / jobs.MEASURED).unlink(missing_ok=True)
                home = work / f"home-{number}-{config.preset}"
                figures |= train(imported, config, home, prepared)
    return figures


def main() -> int:
    """Estimate, train, and print both with their factors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="zip or folder")
    parser.add_argument("--preset", action="append", choices=training_config.PRESETS)
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    parser.add_argument("--recorded", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    presets = options.preset or ["quick", "balanced", "best"]
    figures = compare(options.data, presets, options.backbone, recorded=options.recorded)
    note = f"The load of the machine was {load:.1f} before and {os.getloadavg()[0]:.1f} afterwards."
    return show(figures, as_json=options.json, notes=[note])


if __name__ == "__main__":
    sys.exit(main())
