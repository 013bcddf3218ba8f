"""A trained model on disk: what is written is what is read, or it is damage."""

import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.backbones import serving
from core.errors import RunDamaged, UnknownModel
from core.model import storage
from core.model.dense import DenseHead
from core.model.litert_file import LitertFile
from core.model.storage import ModelFile

CLASSES = ("ant", "bee", "ćma")


@pytest.fixture
def folder(tmp_path):
    """A linear head for the tiny backbone."""
    random = np.random.default_rng(0)
    arrays = {
        "head.0.kernel": random.normal(size=(32, 3)).astype(np.float32),
        "head.0.bias": random.normal(size=3).astype(np.float32),
    }
    saved = ModelFile(backbone="tiny", classes=CLASSES, size=32, crop=1.0)
    storage.save(tmp_path / "model", saved, arrays)
    return tmp_path / "model"


def test_a_saved_model_can_be_loaded(folder):
    saved, arrays = storage.load(folder)
    assert saved == ModelFile(backbone="tiny", classes=CLASSES, size=32, crop=1.0)
    assert {name: array.shape for name, array in arrays.items()} == {
        "head.0.kernel": (32, 3),
        "head.0.bias": (3,),
    }
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]


def test_a_head_uses_the_embedding_of_the_serving_model(folder, tiny, settings):
    classifier = storage.classifier(folder, "Insects", settings)
    assert (classifier.title, classifier.labels, classifier.size, classifier.crop) == (
        "Insects",
        CLASSES,
        32,
        1.0,
    )
    answer = classifier.answer(np.full((32, 32, 3), 90, np.uint8))
    _, arrays = storage.load(folder)
    logits = answer.embedding @ arrays["head.0.kernel"] + arrays["head.0.bias"]
    powers = np.exp(logits - logits.max())
    np.testing.assert_allclose(answer.probabilities, powers / powers.sum(), atol=1e-6)


def test_a_model_without_its_backbone_says_what_to_prepare(folder, settings):
    with pytest.raises(UnknownModel, match="python -m core prepare tiny"):
        storage.classifier(folder, "Insects", settings)


def test_a_fine_tuned_model_without_its_serving_model_is_damaged(folder, tiny, settings):
    saved, arrays = storage.load(folder)
    storage.save(folder, saved.model_copy(update={"cut": "block 1"}), arrays)
    with pytest.raises(RunDamaged, match=r"serving\.tflite is missing"):
        storage.classifier(folder, "Insects", settings)


def test_a_fine_tuned_model_answers_through_its_own_file_and_its_head(folder, tiny, settings):
    saved, arrays = storage.load(folder)
    storage.save(folder, saved.model_copy(update={"cut": "block 1"}), arrays)
    picture = np.full((32, 32, 3), 90, np.uint8)
    network = LitertFile(serving.required(tiny, settings))
    network.keep("embedding", "feature_map")
    network.write(folder / storage.SERVING)
    shutil.rmtree(serving.folder_of(tiny, settings))  # the backbone's is not needed for it
    answer = storage.classifier(folder, "Insects", settings).answer(picture)
    head = DenseHead.from_arrays(arrays)
    np.testing.assert_array_equal(answer.probabilities, head.probabilities(answer.embedding))
    np.testing.assert_allclose(answer.feature_map.mean((0, 1)), answer.embedding, atol=1e-5)


@pytest.mark.parametrize("name", [storage.MODEL, storage.WEIGHTS])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\x80" * 64, b"\xff" * 8, "cut short"])
def test_unreadable_files_are_damage(folder, name, content):
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(whole[:-4] if content == "cut short" else content)
    with pytest.raises(RunDamaged, match="cannot be read"):
        storage.load(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"head.0.kernel": np.zeros((32, 3), np.float32)},
        {"head.1.kernel": np.zeros((32, 3)), "head.1.bias": np.zeros(3)},
        {"head.0.kernel": np.zeros((32, 3)), "head.0.bias": np.zeros(4)},
    ],
)
def test_weights_without_a_head_are_damage(folder, arrays):
    save_file(arrays, folder / storage.WEIGHTS)
    with pytest.raises(RunDamaged, match="cannot be read"):
        storage.load(folder)


def test_a_head_for_another_number_of_classes_is_damage(folder):
    saved, arrays = storage.load(folder)
    storage.save(folder, saved.model_copy(update={"classes": ("ant", "bee")}), arrays)
    with pytest.raises(RunDamaged, match=r"names 2 classes, its weights have 3"):
        storage.load(folder)


def test_a_model_of_a_later_version_is_refused(folder):
    path = folder / storage.MODEL
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(RunDamaged):
        storage.load(folder)
