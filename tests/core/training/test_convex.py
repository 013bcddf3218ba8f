"""The start of a linear head is the optimum of a convex problem."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from core.training import convex
from core.training.head import Batch, class_weights
from tests.core.training.clouds import clusters


def solve(train: Batch, classes: int = 3, weighted: bool = False, strength: float = 0.01):
    weights = class_weights(train.labels, classes) if weighted else np.ones(classes)
    with threadpool_limits(1, user_api="blas"):
        return convex.logistic_regression(train.features, train.labels, weights, strength)


def standardised(batch: Batch) -> Batch:
    features = (batch.features - batch.features.mean(0)) / batch.features.std(0)
    return Batch(features, batch.labels)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(("n", "d"), [(60, 8), (30, 90)], ids=["few features", "many features"])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_head_equals_the_logistic_regression_of_scikit_learn(classes, n, d, weighted):
    strength = 0.03
    cloud = clusters(n, classes, d)
    keep = np.arange(n) % 7 != 1  # so that weights matter
    train = standardised(Batch(cloud.features[keep], cloud.labels[keep]))
    head = solve(train, classes, weighted, strength)
    plain = LogisticRegression(
        C=strength, class_weight="balanced" if weighted else None, tol=1e-8, max_iter=10_000
    ).fit(train.features, train.labels)
    for batch in (train, standardised(clusters(20, classes, d, seed=1))):
        np.testing.assert_allclose(
            head.probabilities(batch.features), plain.predict_proba(batch.features), atol=2e-3
        )


@pytest.mark.parametrize("alone", [0, 2])
@pytest.mark.parametrize("pictures", [1, 2, 3])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_of_very_few_pictures_in_many_views_can_be_learned(classes, pictures, alone):
    everything = clusters(60, classes, views=6)
    alone = min(alone, classes - 1)
    owners = np.repeat(np.arange(60), 6)
    keep = (everything.labels != alone) | (owners < classes * pictures)
    rare = Batch(everything.features[keep], everything.labels[keep])
    assert len(np.unique(owners[keep][rare.labels == alone])) == pictures
    head = solve(rare, classes, weighted=True)
    right = head.logits(rare.features).argmax(1) == rare.labels
    assert right.mean() > 0.8
    assert right[rare.labels == alone].mean() > 0.8


FEATURES = np.random.default_rng(0).normal(3, [0.1, 1, 10], (200, 3)).astype(np.float32)


def scaled(features):
    return convex.apply_scale(features, *convex.fit_scale(features))


def test_scaled_features_are_centred_and_closer_in_strength_without_being_equal():
    deviation = FEATURES.std(axis=0)
    scaled_features = scaled(FEATURES)
    np.testing.assert_allclose(scaled_features.mean(axis=0), 0, atol=1e-4)
    ratios = scaled_features.std(axis=0)[1:] / scaled_features.std(axis=0)[:-1]
    np.testing.assert_allclose(ratios, np.sqrt(deviation[1:] / deviation[:-1]), rtol=1e-4)
    np.testing.assert_allclose(scaled(FEATURES * np.float32(1e3)), scaled_features, atol=1e-3)


def test_a_constant_feature_keeps_its_scale():
    mean, scale = convex.fit_scale(FEATURES * np.float32([1, 0, 1]))
    assert (mean[1], scale[1], scale.dtype) == (0, 1, np.float32)
    np.testing.assert_array_equal(scaled(np.full((5, 3), 2, np.float32)), np.zeros((5, 3)))
