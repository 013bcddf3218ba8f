"""The input of a check: a dataset with its groups, duplicates and measurements."""

from dataclasses import dataclass

import numpy as np

from core.dataset import Dataset
from core.dataset.fingerprints import MEASURES


@dataclass(frozen=True)
class CheckInput:
    """The input of a check.

    Attributes:
        dataset: with groups.
        measures: (n, 4) float32, one row per example, as in `fingerprints.MEASURES`.
        duplicates: groups of two or more examples with equal pixels, as indices of the examples.
    """

    dataset: Dataset
    measures: np.ndarray
    duplicates: tuple[tuple[int, ...], ...]

    def measure(self, name: str) -> np.ndarray:
        """One of `fingerprints.MEASURES` of each picture, (n,)."""
        return self.measures[:, MEASURES.index(name)]
