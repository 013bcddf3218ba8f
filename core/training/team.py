"""The processes that compute a step of fine-tuning: one, or several that share each batch."""

from __future__ import annotations

from typing import Any

import numpy as np


class Team:
    """A team of one process, which computes everything; a subclass adds other processes.

    Attributes:
        rank: of this process, from 0.
    """

    rank = 0

    def share(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows (m,) of a batch that this process computes, with their weights; at least one."""
        return rows, weights

    def sum_gradients(self, gradients: list[Any]) -> list[Any]:
        """Add up tensors over all processes. Called in a graph."""
        return gradients

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Add up float64 arrays of one shape over all processes."""
        return values

    def from_first(self, values: np.ndarray) -> np.ndarray:
        """The array of the process with rank 0, so that all take the same decisions."""
        return values
