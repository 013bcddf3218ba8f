"""Heads are added to int8 and Keras files without a loss."""

import itertools

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
def network(settings):
    """A model whose last block was trained, with its three outputs."""
    tiny = get("tiny")
    trunk = build.trunk(tiny)
    kernel = trunk.get_layer("block2_conv").kernel
    kernel.assign(1.5 * kernel)
    head = DenseHead(((np.eye(32, 2, dtype=np.float32), np.array([0.5, 0], np.float32)),))
    arrays = keras_model.trained_arrays(trunk, build.top_model(tiny, 1, trunk))
    return keras_model.assemble(SAVED, head.arrays() | arrays, settings)[1]


def test_a_head_that_weighs_small_differences_is_not_rounded_with_the_network(network, tmp_path):
    """Between two views alike but for a detail, whole numbers would see none."""
    views = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3)).astype(np.uint8)
    embeddings = np.asarray(network(views.astype(np.float32), training=False)["embedding"])
    first = np.linalg.svd(embeddings - embeddings.mean(axis=0))[2][0]
    kernel = np.stack([first, -first], axis=1) * 4 / (embeddings @ first).std()
    head = DenseHead(((kernel.astype(np.float32), -(embeddings.mean(axis=0) @ kernel)),))
    path = tmp_path / "classifier-int8.tflite"
    trunk = convert.to_int8(network, views)
    path.write_bytes(trunk.content.tobytes())
    file = LitertFile(path)
    file.add_head(head.after(trunk.scale, trunk.shift))
    file.write(path)
    ask = Interpreter(str(path)).get_signature_runner()
    found = np.concatenate(
        [ask(picture=v[None].astype(np.float32))["probabilities"] for v in views]
    )
    wanted = head.probabilities(embeddings)
    assert np.abs(found.mean(axis=0) - wanted.mean(axis=0)).max() < 0.02
    assert np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)) > 0.9
    assert path.stat().st_size < 0.6 * (4 * sum(array.size for array in network.get_weights()))


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


@pytest.mark.parametrize(("hidden", "dropout"), [((), 0.0), ((16,), 0.3)])
def test_the_keras_file_is_the_network_that_keras_assembles(settings, tmp_path, hidden, dropout):
    tiny, random = get("tiny"), np.random.default_rng(0)
    saved = SAVED.model_copy(update={"hidden": hidden, "dropout": dropout})
    widths = [32, *hidden, 2]
    head = DenseHead(
        tuple(
            (random.normal(size=pair).astype(np.float32), random.normal(size=pair[1]))
            for pair in itertools.pairwise(widths)
        )
    )
    trunk = build.trunk(tiny)
    arrays = keras_model.trained_arrays(trunk, build.top_model(tiny, 0, trunk))
    arrays = {name: 1.1 * array for name, array in arrays.items()} | head.arrays()
    base = tmp_path / "backbone.keras"
    train_program.write_backbone(tiny, base, settings)
    keras_file.write(base, saved, arrays, tmp_path / "written.keras")
    written = keras.models.load_model(tmp_path / "written.keras", compile=False)
    wanted = keras_model.assemble(saved, arrays, settings)[0]
    names = [layer.name for layer in wanted.layers if dropout or "dropout" not in layer.name]
    assert [layer.name for layer in written.layers] == names
    picture = random.uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(written(picture), wanted(picture, training=False), atol=1e-6)
