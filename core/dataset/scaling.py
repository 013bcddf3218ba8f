"""Find one scale for the pictures of a dataset that have more than 8 bits."""

import math
from collections.abc import Sequence

from core import images
from core.dataset.findings import Finding, Remedy, warns
from core.images import AS_DECLARED, Depth, Scale, usual_range

BLACK = images.BLACK / 255
"""Nearly black: the brightest value, relative to white."""
COMMON = 0.3
"""Share of nearly black pictures from which all are stretched."""


def choose(depths: Sequence[Depth | None]) -> Scale:
    """The scale of a dataset.

    Files that do not declare a range get that of all of them together, so that brightness keeps
    its meaning. If many pictures are nearly black, as those of cameras with 12 bits in files of 16,
    all are stretched by the same power of 2, such that none becomes too bright.

    Args:
        depths: of all pictures; None for one of 8 bits, or one that cannot be read.
    """
    deep = [depth for depth in depths if depth]
    open_ended = [depth for depth in deep if depth.declared is None]
    undeclared = None
    if open_ended:
        low, high = min(d.low for d in open_ended), max(d.high for d in open_ended)
        undeclared = usual_range(low, high, whole=all(d.whole for d in open_ended))
    levels = []
    for each in deep:
        black, white = each.declared or undeclared or (0, 1)
        levels.append((each.brightest - black) / (white - black))
    gain = 1.0
    if sum(level < BLACK for level in levels) > COMMON * len(depths) and max(levels) > 0:
        gain = min(max(2.0 ** math.floor(-math.log2(max(levels))), 1), 65_536)
    return Scale(undeclared=undeclared, gain=gain)


def changes(scale: Scale, depth: Depth) -> bool:
    """Whether the scale of the dataset changes a picture that was decoded by itself."""
    if depth.declared or scale.gain > 1:
        return scale.gain > 1
    return scale.undeclared != usual_range(depth.low, depth.high, whole=depth.whole)


def notes(scale: Scale) -> tuple[Finding, ...]:
    """A finding about stretched pictures, with the remedy to leave them as they are."""
    if scale.gain == AS_DECLARED.gain:
        return ()
    sentence = (
        "Many pictures are nearly black: their values are far below the white of their files. All "
        f"pictures of more than 8 bits are stretched by the same factor, {scale.gain:,.0f}. The "
        "model does the same with those that it predicts."
    )
    remedy = Remedy(kind="unstretch", label="Do not stretch them")
    return (warns("stretched", sentence, remedy=remedy),)
