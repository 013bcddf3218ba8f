"""The minimum that is found is the minimum there is."""

import numpy as np
import pytest

from core.training import lbfgs

RANDOM = np.random.default_rng(0)


class CountedObjective:
    """An objective that knows how often it was asked."""

    def __init__(self, objective):
        self.objective, self.calls = objective, 0

    def __call__(self, point):
        self.calls += 1
        return self.objective(point)


def quadratic(d=30, condition=1e4):
    """Half x·A·x − b·x, and where it is least."""
    rotation = np.linalg.qr(RANDOM.normal(size=(d, d)))[0]
    matrix = rotation @ np.diag(np.geomspace(1, condition, d)) @ rotation.T
    best = RANDOM.normal(size=d)

    def objective(point):
        slope = matrix @ (point - best)
        return float((point - best) @ slope) / 2, slope

    return objective, best


def rosenbrock(point):
    a, b = point[:-1], point[1:]
    gradient = np.zeros_like(point)
    gradient[:-1] = -400 * a * (b - a**2) - 2 * (1 - a)
    gradient[1:] += 200 * (b - a**2)
    return float((100 * (b - a**2) ** 2 + (1 - a) ** 2).sum()), gradient


def test_a_quadratic_is_solved_however_narrow_its_valley_is():
    objective, best = quadratic()
    minimum = lbfgs.minimise(objective, np.zeros(30), iterations=1000, tolerance=1e-8)
    np.testing.assert_allclose(minimum, best, atol=1e-6)


@pytest.mark.parametrize("d", [2, 10])
def test_a_bent_valley_is_followed_to_its_end(d):
    start = np.tile([-1.2, 1.0], d // 2)
    minimum = lbfgs.minimise(rosenbrock, start, iterations=1000, tolerance=1e-7)
    np.testing.assert_allclose(minimum, np.ones(d), atol=1e-5)


def test_it_stops_as_soon_as_the_slope_is_within_tolerance():
    objective, best = quadratic()
    calls = []
    for tolerance in (1e-1, 1e-4, 1e-7):
        counted = CountedObjective(objective)
        minimum = lbfgs.minimise(counted, np.zeros(30), iterations=1000, tolerance=tolerance)
        assert np.abs(objective(minimum)[1]).max() <= tolerance
        calls.append(counted.calls)
    assert calls == sorted(set(calls))
    started_there = CountedObjective(objective)
    np.testing.assert_array_equal(
        lbfgs.minimise(started_there, best, iterations=1000, tolerance=1e-6), best
    )
    assert started_there.calls == 1


def test_no_step_goes_up_and_no_more_are_made_than_allowed():
    values = [
        rosenbrock(lbfgs.minimise(rosenbrock, np.zeros(4), iterations=count, tolerance=0))[0]
        for count in range(12)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] == rosenbrock(np.zeros(4))[0]
    assert len(set(values)) == 12


def test_where_rounding_ends_all_progress_it_ends():
    counted = CountedObjective(lambda point: (float(point @ point) + 1e12, 2 * point))
    minimum = lbfgs.minimise(counted, np.full(3, 1e-3), iterations=10_000, tolerance=0)
    assert np.isfinite(minimum).all()
    assert counted.calls < 200


def test_the_start_is_left_as_it_was():
    start = np.zeros(4)
    lbfgs.minimise(rosenbrock, start, iterations=50, tolerance=1e-6)
    np.testing.assert_array_equal(start, np.zeros(4))
