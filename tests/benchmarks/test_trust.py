"""Whether the figures of a report can be trusted."""

import numpy as np
import pytest

from benchmarks import trust


def test_every_cell_of_the_simulation_has_a_coverage_and_a_width():
    cells = np.array(list(trust.coverage(3, rounds=1)))
    expected = 2 * len(trust.ACCURACIES) * len(trust.CORRELATIONS) * len(trust.GROUPS)
    assert cells.shape == (expected, 2)
    assert set(cells[:, 0]) <= {0.0, 1.0}
    assert ((cells[:, 1] > 0) & (cells[:, 1] < 1)).all()


@pytest.mark.slow
def test_planted_copies_are_never_on_two_sides_of_a_split(datasets, tmp_path):
    settings = trust.jobs.new_home(tmp_path / "home")
    taken = trust.jobs.take_in(datasets / "ants_bees.zip", tmp_path / "intake", settings)
    assert trust.planted_leaks(taken, tmp_path, settings) == 0
