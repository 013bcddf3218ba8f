"""Rows of a batch are shared among the processes of a team."""

import numpy as np
import pytest

from core.distributed.collective import share_rows

ROWS = np.arange(100, 132)
ONES = np.ones(len(ROWS))


@pytest.mark.parametrize("count", [32, 7, 1])
@pytest.mark.parametrize("cores", [(1, 1), (2, 1), (4, 2, 2), (1,) * 8])
def test_each_row_counts_once_in_its_order(count: int, cores: tuple[int, ...]) -> None:
    rows, weights = ROWS[:count], np.linspace(1, 2, count)
    parts = [share_rows(rows, weights, rank, cores) for rank in range(len(cores))]
    np.testing.assert_array_equal(np.concatenate([own[w > 0] for own, w in parts]), rows)
    np.testing.assert_array_equal(np.concatenate([w[w > 0] for _, w in parts]), weights)
    assert all(len(own) == len(w) > 0 for own, w in parts)


def test_rows_are_in_proportion_to_cores() -> None:
    assert [len(share_rows(ROWS, ONES, rank, (4, 2, 2))[0]) for rank in range(3)] == [16, 8, 8]


def test_a_process_without_a_row_computes_one_of_weight_0() -> None:
    parts = [share_rows(ROWS[:1], ONES[:1], rank, (1, 1)) for rank in range(2)]
    assert sorted(weights.tolist() for _, weights in parts) == [[0.0], [1.0]]
