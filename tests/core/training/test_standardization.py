"""Features come to a common scale without forgetting which of them are strong."""

import numpy as np
import pytest

from core.training.standardization import apply_scale, fit_scale

FEATURES = np.random.default_rng(0).normal(3, [0.1, 1, 10], (200, 3)).astype(np.float32)


def to_scale(features):
    return apply_scale(features, *fit_scale(features))


def test_features_are_centred_and_come_closer_in_strength_without_becoming_equal():
    deviation = FEATURES.std(axis=0)
    found = to_scale(FEATURES)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    ratios = found.std(axis=0)[1:] / found.std(axis=0)[:-1]
    np.testing.assert_allclose(ratios, np.sqrt(deviation[1:] / deviation[:-1]), rtol=1e-4)


@pytest.mark.parametrize("units", [1e-3, 1e3])
def test_the_unit_that_all_are_measured_in_makes_no_difference(units):
    np.testing.assert_allclose(
        to_scale(FEATURES * np.float32(units)), to_scale(FEATURES), atol=1e-3
    )


def test_a_feature_that_is_dead_in_training_does_not_drown_the_others_when_it_comes_alive():
    dead = FEATURES * np.float32([1, 0, 1])
    mean, scale = fit_scale(dead)
    assert mean[1] == 0
    assert scale[1] == 1
    assert scale.dtype == np.float32


def test_features_that_never_change_are_left_at_nothing():
    np.testing.assert_array_equal(to_scale(np.full((5, 3), 2, np.float32)), np.zeros((5, 3)))
