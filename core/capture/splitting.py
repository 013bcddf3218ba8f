"""Part shown pictures into training, validation and test by burst, not by picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.capture.frames import Frame
from core.dataset.layout import Split
from core.dataset.splitting import assign

SHARES: dict[Split, float] = {"test": 0.15, "validation": 0.15}
WHOLE = 3
"""Bursts that can be dealt out whole, one for each part."""
GAP = 0.05
"""Share of a burst's pictures left out at each cut, since neighbours are nearly the same."""
GAPPED = 8
"""Pictures from which a burst can spare them."""


@dataclass(frozen=True)
class Partition:
    """Where the pictures of a class go.

    Attributes:
        parts: id of a picture → its part; those left out at a cut are not there.
        flatters: whether its test pictures come from a burst that is learned from.
    """

    parts: dict[int, Split]
    flatters: bool

    def count(self, split: Split) -> int:
        """Pictures of a part."""
        return sum(one == split for one in self.parts.values())


def split_by_burst(pictures: Iterable[Frame]) -> Partition:
    """Part the pictures of one class.

    Of three bursts or more, each goes whole to one part. Of two, the smaller is the test, and the
    other is cut by time for validation. A single one is cut by time into all three, with a gap at
    each cut.
    """
    bursts: defaultdict[int, list[int]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda one: one.id):
        bursts[picture.burst].append(picture.id)
    units = list(bursts.values())
    if len(units) >= WHOLE:
        dealt = assign(units, SHARES)
        return Partition(
            {one: split for split, ids in dealt.items() for one in ids}, flatters=False
        )
    if len(units) == WHOLE - 1:
        taught, tested = sorted(units, key=len, reverse=True)
        parts = _cut(taught, ("validation",))
        return Partition(parts | dict.fromkeys(tested, "test"), flatters=False)
    return Partition(_cut(units[0], ("validation", "test")) if units else {}, flatters=True)


def _cut(ids: Sequence[int], later: Sequence[Split]) -> dict[int, Split]:
    """The first pictures to learn from, and after gaps some for each of the later parts."""
    count = len(ids)
    gap = max(1, round(GAP * count)) if count >= GAPPED else 0
    parts: dict[int, Split] = {}
    end = count
    for split in reversed(later):
        wanted = max(1, round(SHARES[split] * count))
        if end - wanted - gap < 1:
            continue
        parts |= dict.fromkeys(ids[end - wanted : end], split)
        end -= wanted + gap
    return parts | dict.fromkeys(ids[:end], "train")
