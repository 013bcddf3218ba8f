"""Divide groups at random: each has the same chances, and classes come close to their shares."""

from collections.abc import Mapping

import numpy as np

from core.dataset.layout import Split

TRIES = 20
"""Most attempts to leave enough for training."""


def divide(
    counts: np.ndarray,
    shares: Mapping[Split, float],
    random: np.random.Generator,
    trained: np.ndarray,
) -> list[Split]:
    """Assign each group to a split; training gets the rest.

    All groups are drawn again if training gets less than half of its share, because of a very large
    group, or no group of a class.

    Args:
        counts: (n, k), pictures by class of each group, in random order.
        shares: of the pictures, by split.
        trained: (k,) bool, classes that training has pictures of already; of every other class, it
            needs a group.
    """
    assigned: list[Split] = []
    for _ in range(TRIES):
        assigned = ["train"] * len(counts)
        assigned_share = 0.0
        for part, share in shares.items():
            indices = np.array([i for i, split in enumerate(assigned) if split == "train"])
            if share > 0 and len(indices):
                chances = _chances(counts[indices], share / (1 - assigned_share), trained)
                for index in indices[_choose(chances, counts[indices], random)]:
                    assigned[index] = part
                assigned_share += share
        training = counts[[part == "train" for part in assigned]]
        enough = 2 * training.sum() >= (1 - assigned_share) * counts.sum()
        if enough and (training.any(axis=0) | trained | ~counts.any(axis=0)).all():
            break
    return assigned


def _chances(counts: np.ndarray, share: float, trained: np.ndarray) -> np.ndarray:
    """Chance of each group, (n,): the share, or more if a class of three groups would get none.

    So that a split is not empty, the chances have a sum of at least 1. The chance of the last group
    of a class that is not trained otherwise is 0.
    """
    held = counts > 0
    groups = held.sum(axis=0)
    least = np.where(held & (groups > 2), 1 / np.maximum(groups, 1), 0).max(axis=1)
    last = (held & (groups == 1) & ~trained).any(axis=1)
    return np.where(last, 0, np.maximum(np.maximum(share, least), 1 / max(1, (~last).sum())))


def _choose(chances: np.ndarray, counts: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Choose groups, each with exactly its chance, evenly over classes and sizes.

    Groups are laid side by side, each as long as its chance, those with the same main class
    together and by size. Chosen are those that contain a mark; marks have the distance 1 and a
    random start.

    Args:
        chances: (n,), 0 to 1.
        counts: (n, k), pictures by class of each group.

    Returns:
        (n,) bool.

    Source: W. G. Madow, "On the theory of systematic sampling, II", Annals of Mathematical
        Statistics 20 (1949).
    """
    sizes, main = counts.sum(axis=1), counts.argmax(axis=1)
    # Sizes ascend and descend in turn, so that neighbours have similar sizes.
    order = np.lexsort((np.where(main % 2, -sizes, sizes), main))
    ends = np.floor(np.cumsum(chances[order]) + random.random())
    chosen = np.zeros(len(chances), bool)
    chosen[order] = np.diff(ends, prepend=0) > 0
    return chosen
