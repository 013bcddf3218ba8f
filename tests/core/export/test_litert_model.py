"""A run's own LiteRT file answers as the network it was made of."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from core.backbones import build, get
from core.export import convert
from core.export.formats import Description
from core.model import keras_model
from core.model.classifier import ServingModel
from core.model.dense import DenseHead
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


def test_the_file_answers_as_the_network_it_was_made_of(network, tmp_path):
    path = tmp_path / "classifier.tflite"
    convert.to_litert(network, path, Description.of(SAVED))
    assert [found.name for found in tmp_path.glob("*.tflite")] == [path.name]
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    found = ServingModel(path, threads=1).run(picture)
    wanted = network(picture[None].astype(np.float32), training=False)
    for name in ("probabilities", "embedding", "feature_map"):
        np.testing.assert_allclose(getattr(found, name), wanted[name][0], rtol=1e-4, atol=1e-5)


def test_a_conversion_that_fails_leaves_the_old_file_and_nothing_half_made(
    network, tmp_path, monkeypatch
):
    path = tmp_path / "classifier.tflite"
    path.write_bytes(b"as it was")

    def half(_model, place, _shape):
        place.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(convert.serving, "convert", half)
    with pytest.raises(OSError, match="No space"):
        convert.to_litert(network, path, Description.of(SAVED))
    assert {found.name: found.read_bytes() for found in tmp_path.glob("*.tflite")} == {
        path.name: b"as it was"
    }


@pytest.fixture
def trunk(network, tmp_path):
    """The network up to its embedding, as a SavedModel."""
    model = keras.Model(network.input, {"embedding": network.output["embedding"]}, name="trunk")
    convert.to_saved_model(model, tmp_path / "trunk", Description.of(SAVED))
    return model, tmp_path / "trunk"


def test_a_head_that_weighs_small_differences_is_not_rounded_with_the_network(trunk, tmp_path):
    """Between two views alike but for a detail, whole numbers would see none."""
    model, source = trunk
    views = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3)).astype(np.uint8)
    embeddings = model.predict(views.astype(np.float32), verbose=0)["embedding"]
    first = np.linalg.svd(embeddings - embeddings.mean(axis=0))[2][0]
    kernel = np.stack([first, -first], axis=1) * 4 / (embeddings @ first).std()
    head = DenseHead(((kernel.astype(np.float32), -(embeddings.mean(axis=0) @ kernel)),))
    path = tmp_path / "classifier-int8.tflite"
    convert.to_int8(source, views, embeddings, head, path, Description.of(SAVED))
    ask = Interpreter(str(path)).get_signature_runner()
    found = np.concatenate(
        [ask(picture=v[None].astype(np.float32))["probabilities"] for v in views]
    )
    wanted = head.probabilities(embeddings)
    assert np.abs(found.mean(axis=0) - wanted.mean(axis=0)).max() < 0.02
    assert np.mean(found.argmax(axis=1) == wanted.argmax(axis=1)) > 0.9
    assert path.stat().st_size < 0.6 * (4 * sum(array.size for array in model.get_weights()))


def test_the_head_is_told_by_how_much_rounding_moves_the_embedding():
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(50, 8)).astype(np.float32)
    embeddings[:, 3] = 0
    head = DenseHead(((random.normal(size=(8, 3)).astype(np.float32), np.ones(3, np.float32)),))
    rounded = embeddings * np.float32(0.8) + np.arange(8, dtype=np.float32)
    corrected = convert._corrected(head, rounded, embeddings)
    np.testing.assert_allclose(
        corrected.probabilities(rounded), head.probabilities(embeddings), atol=1e-5
    )
