"""Detect pictures that are out-of-distribution (OOD), by their embedding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.system import threads

IN_DISTRIBUTION_SHARE = 0.98
"""Share of in-distribution pictures that should score below 1."""
DIRECTIONS = 16
"""Largest number of principal directions of variation within classes."""
PICTURES_PER_DIRECTION = 4
"""Pictures needed per direction, so that none describes a single picture."""
FOLDS = 5
MINIMUM_DISTANCES = 4
"""Smallest number of distances that a threshold is taken from."""
ROUNDING = 1e-3
"""A distance that is only rounding."""
MAXIMUM_PICTURES = 4_000
"""Largest number of pictures used, which bounds time and memory."""
MINIMUM_PER_CLASS = 20
"""Pictures used per class, however many classes there are."""
DIRECTION_ROWS = 1_000
"""Pictures used for the directions."""
OVERSAMPLES, PASSES = 10, 7
"""Parameters of the randomised SVD: extra columns, and power iterations."""


@dataclass(frozen=True)
class OodDetector:
    """Distance of an embedding to the nearest class mean, relative to a threshold.

    The distance is Mahalanobis with one covariance for all classes, of which the principal
    directions are kept: along them, where pictures of one class differ, a step counts less.
    Embeddings are square-rooted and scaled to unit length first.

    Attributes:
        means: (k, d) float32, one row per class.
        directions: (r, d) float32, orthogonal; the squared length, 0 to 1, is the share of a
            squared step along the direction that is ignored.
        threshold: the largest distance that counts as in-distribution.

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
        """Width of the embeddings."""
        return int(self.means.shape[1])

    def ood_score(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, d) float32 → (n,) float32; over 1 means out-of-distribution.

        Of longer embeddings, the features from other depths are ignored: these vary with colour
        and texture, and with them pictures of other things were noticed less often.
        """
        distances = self.distances(_normalised(embeddings[:, : self.width]))
        return (distances / self.threshold).astype(np.float32)

    def distances(self, rows: np.ndarray) -> np.ndarray:
        """Distances of rows (n, d), as by `_normalised`, to the nearest mean, (n,)."""
        along = rows @ self.directions.T
        norms = (rows**2).sum(axis=1) - (along**2).sum(axis=1)
        means_along, means_norms = self._mean_terms
        products = rows @ self.means.T - along @ means_along.T
        return np.sqrt(np.maximum(norms + (means_norms - 2 * products).min(axis=1), 0))

    @cached_property
    def _mean_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """The terms of distances that do not depend on the rows."""
        along = self.means @ self.directions.T
        # For a row r, a mean m and the directions D:
        # |r - m|² - |(r - m)D|² = |r|² - |rD|² + |m|² - |mD|² - 2 (r·m - rD·mD).
        return along, (self.means**2).sum(axis=1) - (along**2).sum(axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """The detector as float32 arrays by name."""
        threshold = np.array([self.threshold], np.float32)
        return {"means": self.means, "directions": self.directions, "threshold": threshold}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> OodDetector:
        """Raises LookupError or ValueError if the arrays are not those of a detector."""
        means, directions, threshold = (arrays[n] for n in ("means", "directions", "threshold"))
        if {means.dtype, directions.dtype, threshold.dtype} != {np.dtype(np.float32)}:
            raise ValueError("the arrays must be float32")
        if threshold.shape != (1,):
            raise ValueError(f"threshold must be one number, got {threshold.shape}")
        return cls(means, directions, float(threshold[0]))


def fit(embeddings: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> OodDetector | None:
    """Fit a detector to the pictures that a model was trained on.

    The threshold is taken from out-of-fold distances, since a picture is nearer to a fit that
    includes it than a new picture would be.

    Args:
        embeddings: (n, d) float32 of training and validation pictures, from the serving model.
        labels: (n,) int64 of them.
        groups: (n,) int64; pictures of one group look the same.

    Returns:
        None if there are too few pictures.
    """
    if not len(labels):
        return None
    sample = balanced_sample(labels, MAXIMUM_PICTURES)
    rows, labels = _normalised(embeddings[sample]), labels[sample]
    with threads.ONE_BLAS_THREAD:
        distances = _out_of_fold(rows, labels, groups[sample])
        if (
            len(distances) < MINIMUM_DISTANCES
            or (threshold := float(np.quantile(distances, IN_DISTRIBUTION_SHARE))) < ROUNDING
        ):
            return None
        return OodDetector(*_class_statistics(rows, labels), float(np.float32(threshold)))


def balanced_sample(labels: np.ndarray, most: int) -> np.ndarray:
    """Sorted indices of a sample of pictures: equally many per class, about `most` in all."""
    classes = np.unique(labels)
    per_class = max(MINIMUM_PER_CLASS, most // max(1, len(classes)))
    random = np.random.default_rng(0)
    indices = [random.permutation(np.flatnonzero(labels == label))[:per_class] for label in classes]
    return np.sort(np.concatenate(indices))


def _out_of_fold(rows: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Distances of pictures to a fit without them, (m,); m leaves out classes without a fit."""
    from core.evaluation import folds

    _, class_index = np.unique(labels, return_inverse=True)
    fold = folds.assign(class_index, groups, FOLDS, seed=0)
    distances = [np.empty(0, np.float32)]
    for outside in range(FOLDS):
        inside = fold != outside
        # A class whose pictures are all outside has no mean.
        measured = ~inside & np.isin(labels, labels[inside])
        if measured.any():
            fitted = OodDetector(*_class_statistics(rows[inside], labels[inside]), threshold=1.0)
            distances.append(fitted.distances(rows[measured]))
    return np.concatenate(distances)


def _normalised(embeddings: np.ndarray) -> np.ndarray:
    roots = np.sign(embeddings) * np.sqrt(np.abs(embeddings))
    lengths = np.linalg.norm(roots, axis=1, keepdims=True)
    return (roots / np.maximum(lengths, 1e-12)).astype(np.float32)


def _class_statistics(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Class means, and the directions in which pictures of a class vary."""
    present, class_index = np.unique(labels, return_inverse=True)
    means = np.stack([rows[class_index == index].mean(axis=0) for index in range(len(present))])
    sample = np.random.default_rng(0).permutation(len(rows))[:DIRECTION_ROWS]
    deviations = rows[sample] - means[class_index[sample]]
    degrees = len(deviations) - len(present)
    count = min(DIRECTIONS, degrees // PICTURES_PER_DIRECTION, rows.shape[1] // 2)
    if count < 1:
        return means, np.empty((0, rows.shape[1]), np.float32)
    sizes, directions = _truncated_svd(deviations, count)
    residual = max(float((deviations**2).sum() - (sizes**2).sum()), 0.0) / (rows.shape[1] - count)
    uncounted = np.sqrt(np.clip(1 - residual / np.maximum(sizes**2, 1e-12), 0, 1))
    # safetensors writes memory as it is, and these are in column order.
    return means, np.ascontiguousarray(directions * uncounted[:, None], np.float32)


def _truncated_svd(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest singular values of rows, and their directions.

    scikit-learn has this too, but importing it takes longer than all the rest of a fit.

    Source: Halko, Martinsson and Tropp (2011), "Finding structure with randomness", algorithm 4.4.
    """
    width = min(count + OVERSAMPLES, *rows.shape)
    basis = np.random.default_rng(0).normal(size=(rows.shape[1], width)).astype(np.float32)
    for _ in range(PASSES):
        basis, _ = np.linalg.qr(rows.T @ (rows @ basis))
    _, sizes, rotation = np.linalg.svd(rows @ basis, full_matrices=False)
    return sizes[:count], (rotation @ basis.T)[:count]
