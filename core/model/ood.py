"""Tell pictures apart that are unlike anything a model was taught, by their embedding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

ALIKE = 0.98
"""Share of pictures of what was taught that is to count as alike."""
DIRECTIONS = 16
"""Most directions in which pictures of one class are known to vary."""
A_DIRECTION = 4
"""Pictures that a direction needs, so that it is not one picture's own."""
FOLDS = 5
FEWEST = 4
"""Pictures whose distances say anything of what counts as alike."""
NOTHING = 1e-3
"""A distance that is no more than rounding."""
MOST = 4_000
"""Pictures that are looked at, so that neither time nor memory grows without bound."""
FEW = 20
"""Pictures of each class that are looked at, however many classes there are."""
SPREAD_ROWS = 1_000
"""Pictures that the directions are found from."""


@dataclass(frozen=True)
class OodDetector:
    """How far an embedding is from the nearest class, in parts of what still counts as alike.

    The distance is Mahalanobis's with one covariance for all classes, of which the main directions
    are kept: along them pictures of one class differ, so a step counts less; elsewhere it counts
    in full. Embeddings are brought to unit length after a square root.

    Attributes:
        means: (k, d) float32, a row a class.
        directions: (r, d) float32, at right angles; a length between 0 and 1 says which part of a
            squared step along it is not counted, as its square.
        threshold: the distance that still counts as alike.

    Source: Lee et al. (2018), "A simple unified framework for detecting out-of-distribution
    samples"; Tipping and Bishop (1999), "Probabilistic principal component analysis", for the
    covariance; Perronnin et al. (2010), "Improving the Fisher kernel", for root and length.
    """

    means: np.ndarray
    directions: np.ndarray
    threshold: float

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or not self.means.size or self.directions.ndim != 2:
            raise ValueError(f"means must be rows, got {self.means.shape}, {self.directions.shape}")
        if self.directions.shape[1] != self.width:
            raise ValueError(f"directions must be as wide as means, got {self.directions.shape}")
        if not (np.isfinite(self.means).all() and np.isfinite(self.directions).all()):
            raise ValueError("means and directions must be finite")
        lengths = np.linalg.norm(self.directions, axis=1)
        if lengths.max(initial=0) > 1 + 1e-4:
            raise ValueError(f"directions must not be longer than 1, got {lengths.max():g}")
        if not (np.isfinite(self.threshold) and self.threshold > 0):
            raise ValueError(f"threshold must be over 0, got {self.threshold:g}")

    @property
    def width(self) -> int:
        """Of the embeddings that it can tell apart."""
        return int(self.means.shape[1])

    def ood_score(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, d) float32 → (n,) float32; over 1 means unlike."""
        found = self._nearest.distances(_unit(embeddings))
        return (found / self.threshold).astype(np.float32)

    @cached_property
    def _nearest(self) -> _Nearest:
        return _Nearest(self.means, self.directions)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as float32 arrays by name; `from_arrays` is the reverse."""
        threshold = np.array([self.threshold], np.float32)
        return {"means": self.means, "directions": self.directions, "threshold": threshold}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> OodDetector:
        """Raises LookupError or ValueError where the arrays are not what they should be."""
        means, directions, threshold = (
            arrays[name] for name in ("means", "directions", "threshold")
        )
        if {means.dtype, directions.dtype, threshold.dtype} != {np.dtype(np.float32)}:
            raise ValueError("the arrays must be float32")
        if threshold.shape != (1,):
            raise ValueError(f"threshold must be one number, got {threshold.shape}")
        return cls(means, directions, float(threshold[0]))


def fit(embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> OodDetector | None:
    """A detector of what is unlike the pictures that a model was taught with.

    A picture is nearer to what was fitted to it than a new one would be. So what still counts as
    alike is found from distances of pictures to fits without them, in folds.

    Args:
        embeddings: (n, d) float32 of training and validation pictures, from the network that will
            answer.
        labels: (n,) int64 of them.
        groups: (n,) int64; pictures with the same one look the same.

    Returns:
        None where there are too few pictures to tell.
    """
    from threadpoolctl import threadpool_limits

    if not len(labels):
        return None
    some = chosen(labels, MOST)
    rows, labels = _unit(embeddings[some]), labels[some]
    # Matrices of this size take several times longer on two threads of BLAS than on one.
    with threadpool_limits(1, user_api="blas"):
        apart = _out_of_fold(rows, labels, groups[some])
        if len(apart) < FEWEST or (threshold := float(np.quantile(apart, ALIKE))) < NOTHING:
            return None
        return OodDetector(*_shape(rows, labels), float(np.float32(threshold)))


def chosen(labels: np.ndarray, most: int) -> np.ndarray:
    """Places of some pictures, in order: an equal number of each class, about `most` in all."""
    classes = np.unique(labels)
    each = max(FEW, most // max(1, len(classes)))
    random = np.random.default_rng(0)
    found = [random.permutation(np.flatnonzero(labels == label))[:each] for label in classes]
    return np.sort(np.concatenate(found))


def _out_of_fold(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Distances of pictures to a fit without them, (m,); m is n less those with no other alike."""
    from core.evaluation import folds

    _, places = np.unique(labels, return_inverse=True)
    fold = folds.assign(places, groups, FOLDS, seed=0)
    found = [np.empty(0, np.float32)]
    for outside in range(FOLDS):
        taught = fold != outside
        # A class whose every picture is outside has nothing to be near to.
        asked = ~taught & np.isin(labels, labels[taught])
        if asked.any():
            found.append(_Nearest(*_shape(rows[taught], labels[taught])).distances(rows[asked]))
    return np.concatenate(found)


def _unit(embeddings: np.ndarray) -> np.ndarray:
    roots = np.sign(embeddings) * np.sqrt(np.abs(embeddings))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    return (roots / np.maximum(lengths, 1e-12)).astype(np.float32)


def _shape(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the classes, and the directions in which their pictures vary."""
    present, places = np.unique(labels, return_inverse=True)
    means = np.stack([rows[places == place].mean(axis=0) for place in range(len(present))])
    spread = np.random.default_rng(0).permutation(len(rows))[:SPREAD_ROWS]
    off = rows[spread] - means[places[spread]]
    free = len(off) - len(present)
    count = min(DIRECTIONS, free // A_DIRECTION, rows.shape[1] // 2)
    if count < 1:
        return means, np.empty((0, rows.shape[1]), np.float32)
    from sklearn.utils.extmath import randomized_svd

    _, sizes, directions = randomized_svd(off, count, random_state=0)
    rest = max(float((off**2).sum() - (sizes**2).sum()), 0.0) / (rows.shape[1] - count)
    uncounted = np.sqrt(np.clip(1 - rest / np.maximum(sizes**2, 1e-12), 0, 1))
    # safetensors writes memory as it lies, and these lie column by column.
    return means, np.ascontiguousarray(directions * uncounted[:, None], np.float32)


class _Nearest:
    """Distances to the nearest mean, with all that does not depend on whose."""

    def __init__(self, means: np.ndarray, directions: np.ndarray) -> None:
        self._directions = directions.T
        self._along = means @ directions.T
        # Of row and mean, |r - m|² - |(r - m)D|² = |r|² - |rD|² + |m|² - |mD|² - 2 (r·m - rD·mD).
        self._own = (means**2).sum(axis=1) - (self._along**2).sum(axis=1)
        self._means = means.T

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """(n, d) → (n,)."""
        along = rows @ self._directions
        lengths = (rows**2).sum(axis=1) - (along**2).sum(axis=1)
        shared = rows @ self._means - along @ self._along.T
        return np.sqrt(np.maximum(lengths + (self._own - 2 * shared).min(axis=1), 0))
