"""A team over several machines: what each found is added up by TensorFlow's collective operations.

Keras' variables stay plain ones of each process: all begin with the same weights and make the same
update of the same sums, so they stay equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from core.training.team import share_rows


class CollectiveTeam:
    """One of the processes that `TF_CONFIG` names, under `MultiWorkerMirroredStrategy`."""

    def __init__(self, number: int, cores: Sequence[int]) -> None:
        """Wait until all processes are there. Nothing else of TensorFlow may have run before.

        Args:
            number: of this process.
            cores: of each process, to which the rows that it is given are in proportion.

        Raises:
            RuntimeError: TensorFlow makes another team of them.
        """
        self.number, self._cores = number, tuple(cores)
        self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
        if self._strategy.num_replicas_in_sync != len(cores):
            raise RuntimeError(
                f"expected {len(cores)} processes, found {self._strategy.num_replicas_in_sync}"
            )
        # A collective operation is of one shape: each has a graph of its own.
        self._total = tf.function(lambda values: self.run(self._reduce, values))

    def share(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of this process; the first of all, which counts nothing, where it has none."""
        return share_rows(rows, self.number, self._cores)

    def run(self, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` makes of them where collective operations are known."""
        return self._strategy.run(work, args=given)

    def summed(self, gradients: list[Any]) -> list[Any]:
        """The sums over all processes; each waits for the others here."""
        return self._reduce(gradients)

    def total(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes; each waits for the others here."""
        return self._total(tf.constant(values, tf.float64)).numpy()

    def agree(self, epoch: int) -> None:
        """Raise RuntimeError where the first process goes on from another epoch."""
        (first,) = self.total(np.array([0.0 if self.number else epoch]))
        if first != epoch:
            raise RuntimeError(f"the first goes on from epoch {first:g}, this one from {epoch}")

    @staticmethod
    def _reduce(values: Any) -> Any:
        here = tf.nest.map_structure(tf.identity, values)  # on a device, which an argument is not
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)
