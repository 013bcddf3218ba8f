"""A run's parts become one plain network, and trained weights find their places again."""

import itertools
import json

import keras
import numpy as np
import pytest

from core import backbones
from core.backbones import build
from core.errors import RunDamaged
from core.model import keras_model
from core.model.dense import DenseHead
from core.model.storage import ModelFile
from core.training import stages

TINY = backbones.get("tiny")
CLASSES = ("ant", "bee", "fly")


def a_head(*widths):
    random = np.random.default_rng(1)
    return DenseHead(
        tuple(
            (random.normal(0, 0.3, (i, o)).astype(np.float32), random.normal(size=o))
            for i, o in itertools.pairwise(widths)
        )
    )


def description(**values):
    return ModelFile(backbone="tiny", classes=CLASSES, size=32, crop=1.0, **values)


def noise(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3)).astype(np.float32)


def tuned():
    """A trunk whose last block is not as it was, and the model above its cut."""
    trunk = build.trunk(TINY)
    above = build.top_model(TINY, 1, trunk)
    stages.unfreeze(above, 0)
    kernel = trunk.get_layer("block2_conv").kernel
    kernel.assign(kernel + 0.1)
    return trunk, above


@pytest.mark.parametrize("hidden", [(), (7, 5)])
def test_the_whole_is_the_backbone_pooled_under_the_head(settings, hidden):
    head = a_head(32, *hidden, 3)
    plain, serving_form = keras_model.assemble(
        description(hidden=hidden, dropout=0.5), head.arrays(), settings
    )
    maps = np.asarray(build.trunk(TINY)(noise(), training=False))
    wanted = head.probabilities(maps.mean((1, 2)))
    found = serving_form(noise(), training=False)
    np.testing.assert_allclose(plain(noise(), training=False), wanted, atol=1e-5)
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)
    np.testing.assert_allclose(found["embedding"], maps.mean((1, 2)), atol=1e-5)
    np.testing.assert_allclose(found["feature_map"], maps, atol=1e-5)
    assert set(found) == {"probabilities", "embedding", "feature_map"}


def test_dropout_comes_back_when_somebody_trains_it_further(settings):
    plain, _ = keras_model.assemble(description(dropout=0.5), a_head(32, 3).arrays(), settings)
    assert [layer.rate for layer in plain.layers if isinstance(layer, keras.layers.Dropout)] == [
        0.5
    ]


def test_only_what_was_trained_is_kept():
    trunk, above = tuned()
    arrays = keras_model.trained_arrays(trunk, above)
    place = trunk.layers.index(trunk.get_layer("block2_conv"))
    assert list(arrays) == [f"trunk.{place}.kernel"]
    np.testing.assert_array_equal(
        arrays[f"trunk.{place}.kernel"], trunk.get_layer("block2_conv").kernel
    )


def test_trained_weights_find_their_places_in_a_fresh_network(settings):
    trunk, above = tuned()
    arrays = a_head(32, 3).arrays() | keras_model.trained_arrays(trunk, above)
    _, serving_form = keras_model.assemble(description(cut="block 1"), arrays, settings)
    found = serving_form(noise(), training=False)["feature_map"]
    np.testing.assert_allclose(found, trunk(noise(), training=False), atol=1e-6)
    fresh = build.trunk(TINY)(noise(), training=False)
    assert not np.allclose(found, fresh, atol=1e-2)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("trunk.99.kernel", (3, 3, 24, 32)),
        ("trunk.8.gamma", (32,)),
        ("trunk.8.kernel", (3, 3, 24, 31)),
        ("trunk.eight.kernel", (1,)),
    ],
)
def test_weights_that_do_not_fit_the_backbone_are_damage(settings, name, shape):
    arrays = a_head(32, 3).arrays() | {name: np.zeros(shape, np.float32)}
    with pytest.raises(RunDamaged, match="do not fit tiny"):
        keras_model.assemble(description(cut="block 1"), arrays, settings)


def test_the_saved_file_holds_plain_layers_and_no_augmentation(settings, tmp_path):
    plain, _ = keras_model.assemble(description(), a_head(32, 3).arrays(), settings)
    config = json.dumps(plain.get_config())
    assert "Random" not in config
    assert "Lambda" not in config
    assert '"module": "core' not in config, "it could not be opened elsewhere"
