"""The frozen layers in TensorFlow, with the activation at the cut."""

import keras
import numpy as np
import pytest

from core.backbones import build, get
from core.settings import Settings
from core.training.keras_engine import KerasEngine
from core.training.network import Network

TINY = get("tiny")
HOME = Settings()  # the tiny backbone has no weights to fetch


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize(("stage", "shape"), [(0, (16, 16, 16)), (1, (8, 8, 24))])
def test_the_cut_is_the_output_of_its_stage(stage, shape):
    trunk = build.trunk(TINY)
    views = noise(5)
    engine = KerasEngine(Network(TINY, HOME), stage, "tensorflow")
    assert engine.name == "tensorflow"
    assert engine.outputs == {"embedding": (32,), TINY.stages[stage].layer: shape}
    embeddings, cuts = engine.run(views)
    assert (embeddings.dtype, cuts.dtype) == (np.float32, np.float16)
    assert cuts.shape == (5, *shape)
    below = keras.Model(trunk.input, trunk.get_layer(TINY.stages[stage].layer).output)
    pictures = views.astype(np.float32)
    np.testing.assert_allclose(cuts, below(pictures, training=False), rtol=1e-3, atol=1e-3)
    expected = np.asarray(trunk(pictures, training=False)).mean((1, 2))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-5, atol=1e-5)


def test_without_a_stage_there_are_only_embeddings():
    engine = KerasEngine(Network(TINY, HOME), None, "tensorflow")
    assert engine.outputs == {"embedding": (32,)}
    (embeddings,) = engine.run(noise(3))
    np.testing.assert_array_equal(
        embeddings, KerasEngine(Network(TINY, HOME), 1, "with").run(noise(3))[0]
    )


def test_the_batch_size_does_not_change_the_features():
    engine = KerasEngine(Network(TINY, HOME), 1, "tensorflow")
    together = engine.run(noise(7))
    apart = [engine.run(noise(7)[index : index + 1]) for index in range(7)]
    for array, expected in zip(zip(*apart, strict=True), together, strict=True):
        np.testing.assert_allclose(np.concatenate(array), expected, rtol=1e-3, atol=1e-4)
