"""A longer embedding from one pass: the last features, then those of other depths."""

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from core.backbones import build, serving
from core.model import deep_features, ood
from core.model.classifier import on_one_thread
from core.model.storage import ModelFile


def test_the_embedding_is_followed_by_the_pooled_activations_of_the_depths(tiny, settings):
    path = deep_features.serving_model(tiny, tiny.depths, settings)
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    outputs = on_one_thread(path).outputs(picture)
    plain = on_one_thread(serving.required(tiny, settings)).outputs(picture)
    assert set(outputs) == {"embedding", "feature_map"}
    assert outputs["embedding"].shape == (tiny.width(tiny.depths),) == (32 + 16 + 24,)
    np.testing.assert_array_equal(outputs["embedding"][:32], plain["embedding"])
    np.testing.assert_array_equal(outputs["feature_map"], plain["feature_map"])
    trunk = build.trunk(tiny, settings=settings)
    maps = keras.Model(trunk.input, [trunk.get_layer(layer).output for layer in tiny.depths])
    expected = [np.asarray(map_).mean((0, 1, 2)) for map_ in maps(picture[None].astype(np.float32))]
    np.testing.assert_allclose(outputs["embedding"][32:], np.concatenate(expected), atol=1e-4)


def test_without_depths_the_serving_model_is_used_as_it_is(tiny, settings):
    assert deep_features.serving_model(tiny, (), settings) == serving.required(tiny, settings)


@pytest.mark.parametrize(
    "values",
    [{"depths": ["elsewhere"]}, {"depths": ["stem_relu"], "cut": "block 1"}, {"backbone": "no"}],
    ids=str,
)
def test_a_model_with_impossible_depths_is_refused(values):
    model = {"backbone": "tiny", "classes": ["a", "b"], "size": 32, "crop": 1.0}
    assert ModelFile.model_validate(model).depths == ()
    with pytest.raises(ValidationError):
        ModelFile.model_validate(model | {"depths": ["stem_relu"]} | values)


def test_the_ood_detector_takes_the_last_embedding_of_a_longer_one():
    random = np.random.default_rng(0)
    rows = np.abs(random.normal(size=(40, 12))).astype(np.float32)
    detector = ood.fit(rows[:, :8], np.arange(40) % 2, np.arange(40))
    assert detector is not None
    np.testing.assert_array_equal(detector.ood_score(rows), detector.ood_score(rows[:, :8]))
