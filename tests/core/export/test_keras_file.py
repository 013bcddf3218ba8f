"""Heads and trained weights are added to Keras and int8 files without a loss."""

import itertools
import json

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from core.backbones import build, get
from core.export import convert, keras_file, train_program
from core.model import keras_model
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.model.storage import ModelFile

SAVED = ModelFile(backbone="tiny", classes=("ant", "bee"), size=32, crop=1.0, cut="block 1")


@pytest.fixture
def base(settings, tmp_path):
    """The backbone as a Keras file."""
    train_program.write_backbone(get("tiny"), tmp_path / "backbone.keras", settings)
    return tmp_path / "backbone.keras"


def trained_run():
    """A network whose layers above the stem were trained, and their weights."""
    trunk = build.trunk(get("tiny"))
    above = build.top_model(get("tiny"), 0, trunk)
    for variable in above.trainable_variables:
        variable.assign(1.2 * variable)
    return trunk, keras_model.trained_arrays(trunk, above)


@pytest.mark.parametrize(("hidden", "dropout"), [((), 0.0), ((16, 5), 0.3)])
def test_the_file_is_the_network_pooled_under_the_head(base, tmp_path, hidden, dropout):
    random = np.random.default_rng(0)
    layers = [
        (random.normal(0, 0.3, pair).astype(np.float32), random.normal(size=pair[1]))
        for pair in itertools.pairwise((32, *hidden, 2))
    ]
    head, (trunk, arrays) = DenseHead(tuple(layers)), trained_run()
    saved = SAVED.model_copy(update={"hidden": hidden, "dropout": dropout})
    keras_file.write(base, saved, arrays | head.arrays(), tmp_path / "whole.keras")
    whole = keras.models.load_model(tmp_path / "whole.keras", compile=False)
    pictures = random.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    maps = np.asarray(trunk(pictures, training=False))
    wanted = head.probabilities(maps.mean((1, 2)))
    np.testing.assert_allclose(whole(pictures, training=False), wanted, atol=1e-5)
    rates = [layer.rate for layer in whole.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == ([dropout] * len(layers) if dropout else []), "it can be trained further"
    config = json.dumps(whole.get_config())
    assert "Random" not in config
    assert "Lambda" not in config
    assert '"module": "core' not in config, "it could not be opened elsewhere"


def test_a_head_that_weighs_small_differences_is_not_rounded_with_the_network(base, tmp_path):
    """Between two views alike but for a detail, whole numbers would see none."""
    views = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3)).astype(np.uint8)
    trunk, arrays = trained_run()
    embeddings = np.asarray(trunk(views.astype(np.float32), training=False)).mean((1, 2))
    first = np.linalg.svd(embeddings - embeddings.mean(axis=0))[2][0]
    kernel = np.stack([first, -first], axis=1) * 4 / (embeddings @ first).std()
    head = DenseHead(((kernel.astype(np.float32), -(embeddings.mean(axis=0) @ kernel)),))
    keras_file.write(base, SAVED, arrays | head.arrays(), tmp_path / "whole.keras")
    path = tmp_path / "classifier-int8.tflite"
    rounded = convert.to_int8(tmp_path / "whole.keras", views)
    path.write_bytes(rounded.content.tobytes())
    file = LitertFile(path)
    file.add_head(head.after(rounded.scale, rounded.shift))
    file.write(path)
    ask = Interpreter(str(path)).get_signature_runner()
    found = np.concatenate(
        [ask(picture=v[None].astype(np.float32))["probabilities"] for v in views]
    )
    wanted = head.probabilities(embeddings)
    assert np.abs(found.mean(axis=0) - wanted.mean(axis=0)).max() < 0.02
    assert np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)) > 0.9
    assert path.stat().st_size < 0.6 * (4 * sum(array.size for array in trunk.get_weights()))


def test_the_head_is_told_by_how_much_rounding_moves_the_embedding():
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(50, 8)).astype(np.float32)
    embeddings[:, 3] = 0
    head = DenseHead(((random.normal(size=(8, 3)).astype(np.float32), np.ones(3, np.float32)),))
    rounded = embeddings * np.float32(0.8) + np.arange(8, dtype=np.float32)
    corrected = head.after(*convert.correction(rounded, embeddings))
    np.testing.assert_allclose(
        corrected.probabilities(rounded), head.probabilities(embeddings), atol=1e-5
    )
