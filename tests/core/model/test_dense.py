"""A head is a chain of dense layers that ends in probabilities."""

import numpy as np
import pytest

from core.evaluation.calibration import softmax
from core.model.dense import DenseHead
from tests.core.heads import random_head


def test_hidden_layers_are_rectified_and_the_last_one_is_not():
    first = (np.array([[1.0, -1.0]]), np.array([0.0, 0.5]))
    last = (np.array([[2.0, -3.0], [0.0, 1.0]]), np.array([0.0, -7.0]))
    logits = DenseHead((first, last)).logits(np.array([[3.0], [-3.0]]))
    np.testing.assert_allclose(logits, [[6, -16], [0, -3.5]])


def test_probabilities_add_up_to_one_even_for_enormous_logits():
    probabilities = softmax(np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], np.float32))
    np.testing.assert_allclose(probabilities, [[1, 0, 0], [1 / 3] * 3], atol=1e-6)


def test_a_head_is_read_back_from_its_arrays_among_others():
    original = random_head(7, 5, 3)
    arrays = original.arrays()
    assert set(arrays) == {f"head.{i}.{part}" for i in (0, 1) for part in ("kernel", "bias")}
    assert all(array.dtype == np.float32 for array in arrays.values())
    loaded = DenseHead.from_arrays({"trunk.4.kernel": np.zeros(3), **arrays})
    features = np.random.default_rng(1).normal(size=(4, 7)).astype(np.float32)
    np.testing.assert_allclose(loaded.logits(features), original.logits(features), rtol=1e-5)


def test_layers_that_do_not_chain_are_refused():
    (kernel, bias), narrower = random_head(4, 3).layers[0], random_head(5, 2).layers[0]
    with pytest.raises(ValueError, match=r"must chain, got \[\(4, 3\), \(5, 2\)\]"):
        DenseHead(((kernel, bias), narrower))
    with pytest.raises(ValueError, match="must chain"):
        DenseHead(((kernel, bias[:2]),))


def test_a_scaling_can_be_merged_into_a_head():
    random = np.random.default_rng(0)
    head = random_head(5, 4, 3)
    rows, scale = random.normal(size=(6, 5)), random.uniform(0.5, 2, 5)
    shift = random.normal(size=5)
    np.testing.assert_allclose(
        head.with_scaling(scale, shift).logits(rows),
        head.logits(rows * scale + shift),
        atol=1e-5,
    )
