"""A team of processes on several machines; TensorFlow's collective operations add up their results.

Keras' variables stay plain ones of each process: all start with the same weights and apply the same
update of the same sums, so they stay equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from core.training.checkpoint import Checkpoint, FineTuneState
from core.training.team import Team

if TYPE_CHECKING:
    import keras


class CollectiveTeam(Team):
    """One of the processes that `TF_CONFIG` lists, under `MultiWorkerMirroredStrategy`."""

    def __init__(self, rank: int, cores: Sequence[int]) -> None:
        """Wait until all processes have joined. TensorFlow must not have run anything before.

        Args:
            rank: of this process.
            cores: of each process; rows are shared in proportion.

        Raises:
            RuntimeError: TensorFlow found another number of processes.
        """
        self.rank, self._cores = rank, tuple(cores)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if self._strategy.num_replicas_in_sync != len(cores):
            raise RuntimeError(
                f"expected {len(cores)} processes, found {self._strategy.num_replicas_in_sync}"
            )
        # A collective operation has a fixed shape, so each shape gets a graph.
        self._sum = tf.function(self.sum_gradients)

    def share(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A run of rows in proportion to this process's cores."""
        return share_rows(rows, weights, self.rank, self._cores)

    def sum_gradients(self, gradients: Any) -> Any:
        """The sums over all processes; each waits for the others here."""
        return self._strategy.run(_all_reduce, args=(gradients,))

    def sum(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes; each waits for the others here."""
        return self._sum(tf.constant(values, tf.float64)).numpy()

    def from_first(self, values: np.ndarray) -> np.ndarray:
        """The array of the first process; each waits for the others here."""
        return self.sum(np.zeros_like(values) if self.rank else values)


class SharedCheckpoint(Checkpoint):
    """A checkpoint that all processes of a team read and the first one writes."""

    def __init__(self, path: Path, key: str, team: CollectiveTeam) -> None:
        super().__init__(path, key)
        self._team = team

    def read(
        self, variables: Sequence[keras.Variable], generator: np.random.Generator
    ) -> FineTuneState | None:
        """As in one process. Raises RuntimeError if the first process resumes another epoch."""
        state = super().read(variables, generator)
        epoch = state.epoch if state else 0
        (first,) = self._team.from_first(np.array([float(epoch)]))
        if first != epoch:
            raise RuntimeError(f"the first process resumes epoch {first:g}, this one {epoch}")
        return state

    def write(
        self,
        state: FineTuneState,
        variables: Sequence[keras.Variable],
        generator: np.random.Generator,
    ) -> None:
        """As in one process, by the first process only."""
        if self._team.rank == 0:
            super().write(state, variables, generator)


def share_rows(
    rows: np.ndarray, weights: np.ndarray, rank: int, cores: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of one process, in proportion to its cores, and their weights.

    A process for which no row is left gets the first one with weight 0, since it has to take part
    in each step.

    Args:
        rows, weights: (m,) of a batch, at least one.
        cores: of each process, by rank.
    """
    ends = np.cumsum([0, *cores]) / sum(cores)
    first, end = np.rint(ends[rank : rank + 2] * len(rows)).astype(int)
    if first == end:
        return rows[:1], np.zeros(1)
    return rows[first:end], weights[first:end]


def _all_reduce(values: Any) -> Any:
    here = tf.nest.map_structure(tf.identity, values)  # an argument may not be on a device
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)
