"""Accuracy of the presets over seeds, through the command line as a user would call it.

python -m benchmarks.accuracy --data ants_bees.zip --preset balanced --at-least 0.92
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from benchmarks.report import Figure, show


def trained(data: Path, preset: str, backbone: str, seed: int) -> dict[str, float]:
    """The last line of one training with `--json`."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "core", "train", str(data), "--json"),
                *("--preset", preset, "--backbone", backbone, "--seed", str(seed)),
                *("--out", str(Path(folder) / "run")),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{preset}, seed {seed}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    """Train with each preset and seed, and print the means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--preset", action="append", help="may be given several times")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-least", type=float, help="mean test accuracy of the first preset")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures: dict[str, Figure] = {}
    means: list[float] = []
    for number, preset in enumerate(asked.preset or ["quick", "balanced"]):
        found = [trained(asked.data, preset, asked.backbone, seed) for seed in range(asked.seeds)]
        for seed, line in enumerate(found):
            figures[f"{preset}, seed {seed}: test accuracy"] = Figure(line["test_accuracy"])
        means.append(mean(line["test_accuracy"] for line in found))
        bound = asked.at_least if number == 0 else max(means[:-1])
        figures[f"{preset}: mean test accuracy"] = Figure(means[-1], at_least=bound)
        seconds = mean(line["seconds"] for line in found)
        figures[f"{preset}: seconds to a scored model"] = Figure(seconds)
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
