"""Weights between a network before and after fine-tuning: the best ones on validation."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from core.training.checkpoint import Score

SHARES = (1.0, 0.75, 0.5, 0.25)
"""Parts of the way from the start to the fine-tuned weights that are compared with the start."""

Weights = list[np.ndarray]


class Chosen(NamedTuple):
    """The chosen weights, their share of the way (0 is the start), and their score."""

    weights: Weights
    share: float
    score: Score


def choose(
    start: Weights,
    end: Weights,
    start_score: Score,
    score: Callable[[Weights], Score],
    shares: Sequence[float] = SHARES,
) -> Chosen:
    """Compare weights on the straight line between two networks.

    Args:
        start, end: as returned by `get_weights`, of the same network.
        score: scores weights on validation; of equal losses the first one counts, the start before
            all.
        shares: of the way, above 0 and at most 1.

    Source: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    """
    best = Chosen(start, 0.0, start_score)
    for share in shares:
        # Exact at the end: with a share of 1 the epoch is kept as it was.
        between = [a + share * (b - a) if share < 1 else b for a, b in zip(start, end, strict=True)]
        candidate = score(between)
        if candidate.tempered < best.score.tempered:
            best = Chosen(between, share, candidate)
    return best
