"""Divide groups at random: each has the same chances, and classes come close to their shares."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from core.dataset.layout import Split

LANDING = 10
"""Units that are decided together in the end: all their subsets are considered."""
COLUMNS = 40
"""Features that are balanced exactly at once; bounds the time."""
ROUNDING = 1e-9
TRIES = 20
"""Most attempts to leave enough for training."""


def divide(
    counts: np.ndarray,
    shares: Mapping[Split, float],
    random: np.random.Generator,
    trained: np.ndarray,
) -> list[Split]:
    """Assign each group to a split; training gets the rest.

    If a very large group leaves less than half of its share for training, all are drawn again.

    Args:
        counts: (n, k), pictures by class of each group; groups of one class are neighbours.
        shares: of the pictures, by split.
        random: decides.
        trained: (k,) bool, classes of which training has other pictures; it needs a group of the
            others.
    """
    assigned: list[Split] = []
    for _ in range(TRIES):
        assigned = ["train"] * len(counts)
        taken = 0.0
        for part, share in shares.items():
            left = np.array([place for place, is_in in enumerate(assigned) if is_in == "train"])
            if share > 0 and len(left):
                chances = _chances(counts[left], share / (1 - taken), trained)
                for place in left[choose(chances, _features(counts[left]), random)]:
                    assigned[place] = part
                taken += share
        training = [part == "train" for part in assigned]
        if 2 * counts[training].sum() >= (1 - taken) * counts.sum():
            break
    return assigned


def _chances(counts: np.ndarray, share: float, trained: np.ndarray) -> np.ndarray:
    """(n,) the share, but more where a class of three groups, or the whole, would get none.

    It is 0 for the last group of a class that is not trained otherwise.
    """
    held = counts > 0
    groups = held.sum(axis=0)
    least = np.where(held & (groups > 2), 1 / np.maximum(groups, 1), 0).max(axis=1)
    last = (held & (groups == 1) & ~trained).any(axis=1)
    return np.where(last, 0, np.maximum(np.maximum(share, least), 1 / max(1, (~last).sum())))


def _features(counts: np.ndarray) -> np.ndarray:
    """(n, 2 + 2 k) of groups: number of pictures, 1, and both by class, as shares of the whole."""
    features = np.column_stack([counts.sum(axis=1), np.ones(len(counts)), counts > 0, counts])
    return features / np.maximum(features.sum(axis=0), 1)


def choose(chances: np.ndarray, features: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Choose units so that sums of their features are close to what is expected.

    In the flight, chances of a few units are moved at a time to 0 or 1, in a direction that does
    not change the sums; a random sign keeps every chance as it is in the mean. The last units are
    decided together, by the distribution over their subsets with the smallest mean error.

    Args:
        chances: (n,), 0 to 1.
        features: (n, p), the most important first, in units that can be compared. Units with the
            same non-zero features should be neighbours.
        random: decides.

    Returns:
        (n,) bool; unit i is chosen with probability `chances[i]`.

    Source: J.-C. Deville and Y. Tillé, "Efficient balanced sampling: the cube method", Biometrika
        91 (2004).
    """
    chances = np.clip(chances, 0, 1).astype(float)
    wanted = chances @ features
    waiting = np.flatnonzero((chances > 0) & (chances < 1))[::-1].tolist()
    some: list[int] = []
    while len(some) + len(waiting) > LANDING:
        direction = _direction(features, some, waiting)
        at = chances[some]
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = np.where(direction > 0, (1 - at) / direction, at / -direction)
            back = np.where(direction > 0, at / direction, (1 - at) / -direction)
        up, down = (np.where(direction == 0, np.inf, d).min() for d in (limits, back))
        step = up if random.random() < down / (up + down) else -down
        moved = at + step * direction
        moved[moved < ROUNDING], moved[moved > 1 - ROUNDING] = 0, 1
        chances[some] = moved
        some = [unit for unit, chance in zip(some, moved, strict=True) if 0 < chance < 1]
    if last := some + waiting:
        chances[last] = _land(chances[last], features[last], wanted, chances @ features, random)
    return chances > 0.5


def _direction(features: np.ndarray, some: list[int], waiting: list[int]) -> np.ndarray:
    """A direction (m,) in which the features of some units sum to 0; adds units that wait."""
    while True:
        columns = features[some]
        columns = columns[:, columns.any(axis=0)][:, :COLUMNS]
        if len(some) > columns.shape[1]:
            break
        if not waiting:
            columns = columns[:, : len(some) - 1]
            break
        some.append(waiting.pop())
    direction: np.ndarray = np.linalg.svd(columns.T)[2][-1]
    direction[np.abs(direction) < ROUNDING] = 0
    return direction


def _land(
    chances: np.ndarray,
    features: np.ndarray,
    wanted: np.ndarray,
    expected: np.ndarray,
    random: np.random.Generator,
) -> np.ndarray:
    """(m,) 0 or 1, by the best distribution over all subsets that keeps the chances."""
    from scipy.optimize import linprog

    subsets = np.indices((2,) * len(chances)).reshape(len(chances), -1)
    sums = expected - chances @ features + subsets.T @ features
    best = linprog(
        np.abs(sums - wanted).sum(axis=1),
        A_eq=np.vstack([subsets, np.ones(subsets.shape[1])]),
        b_eq=np.append(chances, 1),
        method="highs",
    )
    weights = np.clip(best.x, 0, None)
    return subsets[:, random.choice(len(weights), p=weights / weights.sum())]
