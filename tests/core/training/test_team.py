"""Rows of a batch are dealt to the processes of a team."""

import numpy as np
import pytest

from core.training.team import SingleProcess, share_rows

ROWS = np.arange(100, 132)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:7], ROWS[:1]])
@pytest.mark.parametrize("cores", [(1, 1), (2, 1), (4, 2, 2), (1,) * 8])
def test_each_row_is_seen_to_once_in_its_order(rows: np.ndarray, cores: tuple[int, ...]) -> None:
    parts = [share_rows(rows, number, cores) for number in range(len(cores))]
    counted = np.concatenate([mine[counts > 0] for mine, counts in parts])
    np.testing.assert_array_equal(counted, rows)
    assert all(len(mine) == len(counts) > 0 for mine, counts in parts)


def test_who_has_more_cores_sees_to_more_rows() -> None:
    assert [len(share_rows(ROWS, number, (4, 2, 2))[0]) for number in range(3)] == [16, 8, 8]


def test_a_process_for_which_no_row_is_left_has_one_that_counts_nothing() -> None:
    parts = [share_rows(ROWS[:1], number, (1, 1)) for number in range(2)]
    assert sorted(counts.tolist() for _, counts in parts) == [[0.0], [1.0]]


def test_one_alone_sees_to_all() -> None:
    mine, counts = SingleProcess().share(ROWS)
    np.testing.assert_array_equal(mine, ROWS)
    assert counts.tolist() == [1.0] * len(ROWS)
