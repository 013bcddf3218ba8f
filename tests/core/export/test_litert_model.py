"""A run's own LiteRT file answers as the network it was made of."""

import numpy as np
import pytest

from core.backbones import build, get
from core.classifier import ServingModel
from core.dense import DenseHead
from core.export import keras_model, litert_model
from core.export.description import Description
from core.model import ModelFile

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
    litert_model.convert(network, path, Description.of(SAVED))
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

    monkeypatch.setattr(litert_model.serving, "convert", half)
    with pytest.raises(OSError, match="No space"):
        litert_model.convert(network, path, Description.of(SAVED))
    assert {found.name: found.read_bytes() for found in tmp_path.glob("*.tflite")} == {
        path.name: b"as it was"
    }
