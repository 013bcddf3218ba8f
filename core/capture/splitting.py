"""Split captured pictures into training, validation and test by burst, not by picture."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from core.capture.frames import Frame
from core.dataset.layout import Split
from core.dataset.splitting import assign

SHARES: dict[Split, float] = {"test": 0.15, "validation": 0.15}
GAP = 0.05
"""Share of a burst's pictures left out at each cut, since neighbours are nearly the same."""
FEWEST_FOR_GAP = 8
"""Fewest pictures of a burst of which some are left out."""


def split_by_burst(pictures: Iterable[Frame]) -> dict[int, Split]:
    """Split the pictures of one class.

    Of three or more bursts, each goes to one split as a whole. Of two, the smaller one is the test
    set, and the other is cut in time for validation. A single burst is cut in time into all three
    splits, with a gap at each cut.

    Returns:
        Id of a picture → its split; without the pictures left out at a cut.
    """
    bursts: defaultdict[int, list[int]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda frame: frame.id):
        bursts[picture.burst].append(picture.id)
    units = list(bursts.values())
    if len(units) > 2:
        dealt = assign(units, SHARES, np.random.default_rng(0))
        return {number: split for split, ids in dealt.items() for number in ids}
    if len(units) == 2:
        larger, smaller = sorted(units, key=len, reverse=True)
        return _cut(larger, ("validation",)) | dict.fromkeys(smaller, "test")
    return _cut(units[0], ("validation", "test")) if units else {}


def _cut(ids: Sequence[int], held_out: Sequence[Split]) -> dict[int, Split]:
    """Cut a burst in time: the first pictures are for training; the others follow after gaps."""
    gap = max(1, round(GAP * len(ids))) if len(ids) >= FEWEST_FOR_GAP else 0
    splits: dict[int, Split] = {}
    end = len(ids)
    for split in reversed(held_out):
        count = max(1, round(SHARES[split] * len(ids)))
        if end - count - gap < 1:
            continue
        splits |= dict.fromkeys(ids[end - count : end], split)
        end -= count + gap
    return splits | dict.fromkeys(ids[:end], "train")
