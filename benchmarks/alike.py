"""Finding near-duplicates: time by number of pictures.

python -m benchmarks.alike
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from benchmarks.report import Figure, show
from core.checks import near_duplicates

SIZES = (2_000, 4_000, 8_000)


def seconds(count: int) -> float:
    """To compare so many drawn grey pictures, none of which is another's copy."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 16, 16), dtype=np.uint8)
    grey = coarse.repeat(4, axis=1).repeat(4, axis=2)
    began = time.perf_counter()
    near_duplicates.pairs(grey, np.zeros(count, bool))
    return time.perf_counter() - began


def main(arguments: list[str] | None = None) -> int:
    """Compare each number of pictures and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PICTURES")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    figures = {}
    for count in asked.sizes:
        taken = seconds(count)
        figures |= {
            f"{count:,} pictures: seconds": Figure(taken),
            f"{count:,} pictures: seconds for a million pairs": Figure(
                taken / (count * (count - 1) / 2) * 1e6
            ),
        }
    return show(figures, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
