"""The trainings of `benchmarks.suite` on one data set, in the checkout that Python's path names.

    python -m benchmarks.suite_trials flowers5.zip --seeds 1,2 --presets quick,balanced

Prints one line of JSON per training. It takes only names that an earlier checkout has too, so that
`benchmarks.suite` can run this very file there.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import jobs, training
from core import backbones
from core.runs.filenames import VERIFICATION
from core.runs.run import Run
from core.settings import Settings
from core.training import config

RECIPE = "recipe"
"""Names the Keras recipe among the presets."""


def run_trial(
    imported: Any, name: str, backbone: str, seed: int, home: Settings
) -> dict[str, object]:
    """Train once, in a new process.

    Args:
        imported: as `jobs.take_in` of the checkout returns it.
        name: of the preset, or the Keras recipe.

    Returns:
        `accuracy` on the test set, `scored` (seconds from the start of the process to the report),
        `verified` (seconds from the report to the first file that may be downloaded), and `kept`
        (whether the fine-tuned weights were kept; None without fine-tuning).
    """
    if name == RECIPE:
        settings = config.preset("best", backbone=backbone, seed=seed)
        recipe = training.follow_recipe(imported, settings, home, home.home / "pictures")
        return {"accuracy": recipe.accuracy, "scored": recipe.whole}
    trained = jobs.train(imported, config.preset(name, backbone=backbone, seed=seed), home)
    tuned = [event.epoch > 0 for event in trained.run.kept() if event.phase == "fine-tune"]
    return {
        "accuracy": trained.run.report().accuracy.value,
        "scored": trained.scored,
        "verified": _verified(trained.run),
        "kept": tuned[-1] if tuned else None,
    }


def _verified(run: Run) -> float | None:
    """Seconds from the report to the first verified file; None if there is none."""
    path = run.path / VERIFICATION
    return path.stat().st_mtime - run.manifest().completed_at if path.is_file() else None


def main() -> int:
    """Import the pictures once, then train with each seed and preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", required=True)
    parser.add_argument("--presets", required=True)
    parser.add_argument("--backbone", default=backbones.DEFAULT)
    options = parser.parse_args()
    # An earlier checkout trains those presets that it has.
    names = [n for n in options.presets.split(",") if n in (RECIPE, *config.PRESETS)]
    with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
        prepared = jobs.new_home(Path(folder) / "prepared")
        imported = jobs.take_in(options.data, Path(folder) / "intake", prepared)
        backbones_used = {options.backbone}
        for name in set(names) - {RECIPE}:
            preset = config.preset(name, backbone=options.backbone)
            backbones_used.update(getattr(preset, "alternatives", ()))  # not in earlier checkouts
        for backbone in sorted(backbones_used):
            jobs.prepare(backbone, prepared)
        for number, seed in enumerate(map(int, options.seeds.split(","))):
            # The order changes with the seed, so that a slow moment does not hit one preset only.
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                home = jobs.new_home(Path(folder) / f"{name}-{seed}", prepared.home)
                trial = run_trial(imported, name, options.backbone, seed, home)
                jobs.keep_measurements(home, prepared.home)
                print(json.dumps({"preset": name, "seed": seed, **trial}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
