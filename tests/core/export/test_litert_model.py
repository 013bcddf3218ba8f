"""A run's own LiteRT file answers as the run's parts do."""

import numpy as np
import pytest

from core import model
from core.backbones import build, get
from core.classifier import ServingModel
from core.dense import DenseHead
from core.errors import RunDamaged
from core.export import keras_model, litert_model
from core.model import ModelFile

SAVED = ModelFile(backbone="tiny", classes=("ant", "bee"), size=32, crop=1.0, cut="block 1")


@pytest.fixture
def folder(tmp_path):
    """A model whose last block was trained."""
    tiny = get("tiny")
    trunk = build.trunk(tiny)
    kernel = trunk.get_layer("block2_conv").kernel
    kernel.assign(1.5 * kernel)
    head = DenseHead(((np.eye(32, 2, dtype=np.float32), np.array([0.5, 0], np.float32)),))
    arrays = keras_model.trained_arrays(trunk, build.top_model(tiny, 1, trunk))
    model.save(tmp_path / "model", SAVED, head.arrays() | arrays)
    return tmp_path / "model"


def test_the_file_answers_as_the_network_it_was_made_of(folder, settings):
    litert_model.write(folder, settings)
    names = {"classifier.tflite", "model.json", "weights.safetensors"}
    assert {path.name for path in folder.iterdir()} == names
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    found = ServingModel(folder / model.LITERT, threads=1).run(picture)
    _, network = keras_model.assemble(*model.load(folder), settings)
    wanted = network(picture[None].astype(np.float32), training=False)
    for name in ("probabilities", "embedding", "feature_map"):
        np.testing.assert_allclose(getattr(found, name), wanted[name][0], rtol=1e-4, atol=1e-5)
    classifier = model.classifier(folder, "Insects", settings)
    np.testing.assert_array_equal(classifier.answer(picture).probabilities, found.probabilities)


def test_without_its_weights_no_file_is_made(folder, settings):
    (folder / model.WEIGHTS).unlink()
    with pytest.raises(RunDamaged):
        litert_model.write(folder, settings)
    assert {path.name for path in folder.iterdir()} == {"model.json"}
