"""Who computes a step of fine-tuning: this process alone, or one of several that share each batch.

The loop in `finetune.py` is written once. It asks its team which rows are its own, and has what it
found of them added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

SEEDS = 1_000
"""From the seed of one process to that of the next: dropout leaves out other units in each."""


class Team(Protocol):
    """The processes that fine-tune the same network together.

    Attributes:
        number: of this process; 0 leads.
    """

    number: int

    def share(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a batch that this process sees to, and what each counts.

        Args:
            rows: (m,) int64, at least one.

        Returns:
            Rows (k,) int64, never none, and (k,) float64: 1 for each, or 0 for one that only
            stands in where there is none for this process.
        """

    def run(self, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` makes of tensors; within it, `summed` may be called. In a graph."""

    def summed(self, gradients: list[Any]) -> list[Any]:
        """The sums of these tensors over all processes. In a graph."""

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum of float64 arrays of the same shape over all processes."""

    def agree(self, epoch: int) -> None:
        """Raise RuntimeError where the process that leads goes on from another epoch."""


def share_rows(
    rows: np.ndarray, number: int, cores: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """What `Team.share` gives each of several processes: a run of rows, in proportion to its cores.

    Args:
        cores: of each process, in the order of their numbers.
    """
    ends = np.cumsum([0, *cores]) / sum(cores)
    first, end = np.rint(ends[number : number + 2] * len(rows)).astype(int)
    if first == end:
        return rows[:1], np.zeros(1)
    return rows[first:end], np.ones(end - first)


class SingleProcess:
    """A team of one."""

    number = 0

    def share(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All of them."""
        return rows, np.ones(len(rows))

    def run(self, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` makes of them."""
        return work(*given)

    def summed(self, gradients: list[Any]) -> list[Any]:
        """As they are."""
        return gradients

    def total(self, values: np.ndarray) -> np.ndarray:
        """As they are."""
        return values

    def agree(self, epoch: int) -> None:
        """With itself."""
