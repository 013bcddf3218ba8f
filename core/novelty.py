"""Tell pictures apart that are unlike anything a model was taught, by their embedding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Novelty:
    """A distance in embedding space, in parts of the largest that still counts as alike."""

    means: np.ndarray
    threshold: float

    def strangeness(self, embeddings: np.ndarray) -> np.ndarray:
        """(n, d) float32 → (n,) float32; over 1 means unlike."""
        flat = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
        return ((1 - flat @ self.means.T).min(axis=1) / self.threshold).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it as float32 arrays by name; `from_arrays` is the reverse."""
        return {"means": self.means, "threshold": np.array([self.threshold], np.float32)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Novelty:
        """Raises LookupError or ValueError where the arrays are not what they should be."""
        return cls(arrays["means"], float(arrays["threshold"][0]))


def fit(  # noqa: ARG001
    embeddings: np.ndarray, labels: np.ndarray, others: np.ndarray, other_labels: np.ndarray
) -> Novelty | None:
    """A detector of what is unlike the training pictures.

    Args:
        embeddings: (n, d) float32 of training pictures.
        labels: (n,) int64 of them, 0 to k - 1.
        others: (m, d) float32 of validation pictures, which set what still counts as alike.
        other_labels: (m,) int64 of them.

    Returns:
        None where there are too few pictures to tell.
    """
    flat = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    means = np.stack([flat[labels == label].mean(axis=0) for label in np.unique(labels)])
    bare = Novelty(means.astype(np.float32), 1.0)
    threshold = float(np.quantile(bare.strangeness(others), 0.95))
    return Novelty(bare.means, max(threshold, 1e-6))
