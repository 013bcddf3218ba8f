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
def test_the_cut_is_the_end_of_the_stage_and_the_embedding_that_of_the_whole(stage, shape):
    trunk = build.trunk(TINY)
    views = noise(5)
    engine = KerasEngine(Network(TINY, HOME), stage, "tensorflow")
    assert (engine.name, engine.cut, engine.cut_shape) == (
        "tensorflow",
        TINY.stages[stage].layer,
        shape,
    )
    embeddings, cuts = engine.run(views)
    assert (embeddings.dtype, cuts.dtype) == (np.float32, np.float16)
    assert cuts.shape == (5, *shape)
    below = keras.Model(trunk.input, trunk.get_layer(TINY.stages[stage].layer).output)
    pictures = views.astype(np.float32)
    np.testing.assert_allclose(cuts, below(pictures, training=False), rtol=1e-3, atol=1e-3)
    whole = np.asarray(trunk(pictures, training=False)).mean((1, 2))
    np.testing.assert_allclose(embeddings, whole, rtol=1e-5, atol=1e-5)


def test_without_a_stage_it_keeps_the_embedding_alone():
    engine = KerasEngine(Network(TINY, HOME), None, "tensorflow")
    assert (engine.cut, engine.cut_shape) == (None, ())
    embeddings, cuts = engine.run(noise(3))
    assert cuts is None
    np.testing.assert_array_equal(
        embeddings, KerasEngine(Network(TINY, HOME), 1, "with").run(noise(3))[0]
    )


def test_batches_of_any_size_are_answered_alike():
    engine = KerasEngine(Network(TINY, HOME), 1, "tensorflow")
    together = engine.run(noise(7))
    apart = [engine.run(noise(7)[place : place + 1]) for place in range(7)]
    for one, several in zip(zip(*apart, strict=True), together, strict=True):
        np.testing.assert_allclose(np.concatenate(one), several, rtol=1e-3, atol=1e-4)
