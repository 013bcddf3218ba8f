import numpy as np
import pytest

from core.evaluation.inflation import compare_splits
from core.training import cross_validation


def draw_sites(prior: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features that tell the site and nothing else, labels, and groups of 20 sites of 12."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(20), 12)
    common = random.random(len(groups)) < prior
    labels = np.where(common, groups % 2, 1 - groups % 2)
    features = np.random.default_rng(7).normal(0, 1, (20, 64))[groups]
    features = features + random.normal(0, 0.3, features.shape)
    return features.astype(np.float32), labels, groups


def test_a_class_that_goes_with_the_site_inflates_the_score_of_an_ordinary_split():
    features, labels, groups = draw_sites(0.9)
    result = cross_validation.inflation_of(features, labels, groups, np.arange(len(groups)), seed=0)
    assert (result.pictures, result.groups) == (240, 20)
    assert result.ordinary.value > 0.8
    assert result.grouped.value < 0.65
    change = result.ordinary.value - result.grouped.value
    assert result.difference.value == pytest.approx(change)
    assert 0.1 < result.difference.low < result.difference.value < result.difference.high
    assert "would have inflated the score by" in result.sentence


def test_without_a_difference_none_is_claimed():
    random = np.random.default_rng(0)
    labels, groups = np.arange(240) % 2, np.repeat(np.arange(20), 12)
    features = (random.normal(0, 1, (240, 16)) + labels[:, None]).astype(np.float32)
    result = cross_validation.inflation_of(features, labels, groups, np.arange(240), seed=0)
    assert result.difference.low < 0 < result.difference.high
    assert result.sentence.startswith("No inflation by an ordinary split that 20 groups can show")


def test_groups_widen_the_interval():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 30)
    grouped = (random.random(10) < 0.5)[groups].astype(float)
    by_group = compare_splits(grouped, np.ones(300), groups)
    by_picture = compare_splits(grouped, np.ones(300), np.arange(300))
    width = by_group.difference.high - by_group.difference.low
    assert width > 2 * (by_picture.difference.high - by_picture.difference.low)


def test_classes_of_one_group_take_no_part():
    features, labels, groups = draw_sites(0.9)
    labels = np.where(groups == 3, 2, labels)
    result = cross_validation.inflation_of(features, labels, groups, np.arange(len(groups)), seed=0)
    assert (result.pictures, result.groups) == (228, 19)
    pure = groups % 2  # both classes in one group each
    assert cross_validation.inflation_of(features, pure, pure, np.arange(240), seed=0) is None
