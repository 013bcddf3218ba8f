"""Trained weights find their places again."""

import numpy as np
import pytest

from core import backbones
from core.backbones import build
from core.errors import RunDamaged
from core.model import keras_model
from core.training import stages
from tests.core.heads import random_head

TINY = backbones.get("tiny")


def noise(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3)).astype(np.float32)


def fine_tuned():
    """A trunk whose last block is not as it was, and the model above its cut."""
    trunk = build.trunk(TINY)
    above = build.top_model(TINY, 1, trunk)
    stages.unfreeze(above, 0)
    kernel = trunk.get_layer("block2_conv").kernel
    kernel.assign(kernel + 0.1)
    return trunk, above


def test_only_trained_weights_are_saved():
    trunk, above = fine_tuned()
    arrays = keras_model.trained_arrays(trunk, above)
    index = trunk.layers.index(trunk.get_layer("block2_conv"))
    assert list(arrays) == [f"trunk.{index}.kernel"]
    np.testing.assert_array_equal(
        arrays[f"trunk.{index}.kernel"], trunk.get_layer("block2_conv").kernel
    )


def test_trained_weights_are_restored_in_a_new_network():
    trunk, above = fine_tuned()
    arrays = random_head(32, 3).arrays() | keras_model.trained_arrays(trunk, above)
    restored = build.trunk(TINY)
    keras_model.restore(restored, arrays)
    features = restored(noise(), training=False)
    np.testing.assert_allclose(features, trunk(noise(), training=False), atol=1e-6)
    fresh = build.trunk(TINY)(noise(), training=False)
    assert not np.allclose(features, fresh, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("trunk.99.kernel", (3, 3, 24, 32)),
        ("trunk.8.gamma", (32,)),
        ("trunk.8.kernel", (3, 3, 24, 31)),
        ("trunk.eight.kernel", (1,)),
    ],
)
def test_weights_that_do_not_fit_the_backbone_are_refused(name, shape):
    arrays = random_head(32, 3).arrays() | {name: np.zeros(shape, np.float32)}
    with pytest.raises(RunDamaged, match="do not fit tiny"):
        keras_model.restore(build.trunk(TINY), arrays)
