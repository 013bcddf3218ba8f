"""The processes that compute a step of fine-tuning: one, or several that share each batch."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Team(Protocol):
    """What `finetune.Tuner` needs of the processes that fine-tune the same network.

    Attributes:
        rank: of this process, from 0.
    """

    rank: int

    def share(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows (m,) of a batch that this process computes, with their weights; at least one."""

    def sum_gradients(self, gradients: list[Any]) -> list[Any]:
        """Add up tensors over all processes. Called in a graph."""

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Add up float64 arrays of one shape over all processes."""

    def from_first(self, values: np.ndarray) -> np.ndarray:
        """The array of the process with rank 0, so that all take the same decisions."""


class SingleProcess:
    """A team of one process, which computes everything."""

    rank = 0

    def share(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All rows."""
        return rows, weights

    def sum_gradients(self, gradients: list[Any]) -> list[Any]:
        """The same tensors."""
        return gradients

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The same array."""
        return values

    def from_first(self, values: np.ndarray) -> np.ndarray:
        """The same array."""
        return values
