"""Heads and trained weights are added to Keras and int8 files without a loss."""

import json

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from core.backbones import build, get
from core.export import convert, keras_file, parts
from core.model import keras_model
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.model.storage import ModelFile
from tests.core.heads import random_head

SAVED = ModelFile(backbone="tiny", classes=("ant", "bee"), size=32, crop=1.0, cut="block 1")


@pytest.fixture
def base(settings):
    """The backbone as a Keras file."""
    return parts.backbone_file(get("tiny"), settings)


def fine_tuned_trunk():
    """A network whose layers above the stem were trained, and their weights."""
    trunk = build.trunk(get("tiny"))
    above = build.top_model(get("tiny"), 0, trunk)
    for variable in above.trainable_variables:
        variable.assign(1.2 * variable)
    return trunk, keras_model.trained_arrays(trunk, above)


@pytest.mark.parametrize(("hidden", "dropout"), [((), 0.0), ((16, 5), 0.3)])
def test_the_file_has_the_network_pooling_and_the_head(base, tmp_path, hidden, dropout):
    random = np.random.default_rng(0)
    head, (trunk, arrays) = random_head(32, *hidden, 2, spread=0.3), fine_tuned_trunk()
    saved = SAVED.model_copy(update={"hidden": hidden, "dropout": dropout})
    keras_file.write(base, saved, arrays | head.arrays(), tmp_path / "whole.keras")
    model = keras.models.load_model(tmp_path / "whole.keras", compile=False)
    pictures = random.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    maps = np.asarray(trunk(pictures, training=False))
    expected = head.probabilities(maps.mean((1, 2)))
    np.testing.assert_allclose(model(pictures, training=False), expected, atol=1e-5)
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == ([dropout] * len(head.layers) if dropout else []), "it can be trained further"
    config = json.dumps(model.get_config())
    assert "Random" not in config
    assert "Lambda" not in config
    assert '"module": "core' not in config, "it could not be opened elsewhere"


def test_the_head_of_an_int8_file_is_not_quantised(base, tmp_path):
    """Between two views alike but for a detail, whole numbers would see none."""
    views = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3)).astype(np.uint8)
    trunk, arrays = fine_tuned_trunk()
    embeddings = np.asarray(trunk(views.astype(np.float32), training=False)).mean((1, 2))
    first = np.linalg.svd(embeddings - embeddings.mean(axis=0))[2][0]
    kernel = np.stack([first, -first], axis=1) * 4 / (embeddings @ first).std()
    head = DenseHead(((kernel.astype(np.float32), -(embeddings.mean(axis=0) @ kernel)),))
    keras_file.write(base, SAVED, arrays | head.arrays(), tmp_path / "whole.keras")
    path = tmp_path / "classifier-int8.tflite"
    rounded = convert.to_int8(tmp_path / "whole.keras", views)
    file = LitertFile(rounded.content.tobytes())
    file.add_head(head.with_scaling(rounded.scale, rounded.shift))
    file.write(path)
    signature = Interpreter(str(path)).get_signature_runner()
    probabilities = np.concatenate(
        [signature(picture=v[None].astype(np.float32))["probabilities"] for v in views]
    )
    expected = head.probabilities(embeddings)
    assert np.abs(probabilities.mean(axis=0) - expected.mean(axis=0)).max() < 0.02
    assert np.mean(probabilities.argmax(axis=1) == expected.argmax(axis=1)) > 0.9
    assert path.stat().st_size < 0.6 * (4 * sum(array.size for array in trunk.get_weights()))


def test_the_head_corrects_the_shift_of_a_quantised_embedding():
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(50, 8)).astype(np.float32)
    embeddings[:, 3] = 0
    head = random_head(8, 3)
    rounded = embeddings * np.float32(0.8) + np.arange(8, dtype=np.float32)
    corrected = head.with_scaling(*convert.correction(rounded, embeddings))
    np.testing.assert_allclose(
        corrected.probabilities(rounded), head.probabilities(embeddings), atol=1e-5
    )
