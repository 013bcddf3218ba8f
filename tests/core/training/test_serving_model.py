"""The serving model of a fine-tuned backbone: weights exchanged, or the network converted."""

import numpy as np
import pytest

from core import images
from core.backbones import serving
from core.model import storage
from core.model.classifier import on_one_thread
from core.model.litert_file import LitertFile
from core.settings import Settings
from core.training import serving_model, stages
from core.training.context import TrainingContext
from core.training.finetune import Tuner
from tests.core.trainings import tiny_config, train


@pytest.fixture
def context(tiny, settings, shapes_dataset):
    """Enough of a training for a network to be written."""
    from core import dataset

    split = dataset.split(shapes_dataset.dataset, validation=0.15, test=0.15, seed=0)
    config = tiny_config("best")
    return TrainingContext(
        config, split, shapes_dataset.pictures, tiny, settings, None, lambda _: None
    )


@pytest.fixture
def tuner(context):
    """A network whose last stage is not as it was."""
    tuner = Tuner(context.network.trunk(), context.config, 3, 30)
    random = np.random.default_rng(0)
    for layer in stages.trained(tuner.above):
        layer.set_weights(
            [part + 0.1 * random.normal(size=part.shape) for part in layer.get_weights()]
        )
    return tuner


@pytest.fixture
def conversions(monkeypatch):
    """How often a network was converted as a whole."""
    calls = []
    convert = serving.convert

    def counting(*arguments):
        calls.append(arguments)
        convert(*arguments)

    monkeypatch.setattr(serving, "convert", counting)
    return calls


def refuse(*_):
    raise LookupError("no such kernel")


def run_validation(path, context):
    """Embeddings and feature maps of the validation pictures."""
    network = on_one_thread(path)
    size, crop = context.backbone.size, context.backbone.crop
    outputs = [
        network.run(
            images.decode_and_crop(context.pictures / example.path, size, crop, limits=Settings())
        )
        for example in context.of("validation")
    ]
    return np.stack([a.embedding for a in outputs]), np.stack([a.feature_map for a in outputs])


def test_the_weights_are_exchanged_without_a_conversion(context, tuner, conversions, tmp_path):
    path = tmp_path / "serving.tflite"
    serving_model.write(context, tuner, path)
    assert conversions == []
    assert [file.name for file in tmp_path.iterdir() if "tflite" in file.name] == [path.name]
    embeddings, maps = run_validation(path, context)
    size, crop = context.backbone.size, context.backbone.crop
    for example, embedding in zip(context.of("validation"), embeddings, strict=True):
        view = images.decode_and_crop(
            context.pictures / example.path, size, crop, limits=Settings()
        )
        np.testing.assert_allclose(embedding, stages.embedding(tuner.trunk, view), atol=1e-4)
    np.testing.assert_allclose(maps.mean((1, 2)), embeddings, atol=1e-5)


def test_a_network_whose_weights_cannot_be_exchanged_is_converted_with_the_same_outputs(
    context, tuner, conversions, tmp_path, monkeypatch
):
    exchanged, converted = tmp_path / "exchanged.tflite", tmp_path / "converted.tflite"
    serving_model.write(context, tuner, exchanged)
    monkeypatch.setattr(LitertFile, "retrain", refuse)
    serving_model.write(context, tuner, converted)
    assert len(conversions) == 1
    for arrays, expected in zip(
        run_validation(exchanged, context), run_validation(converted, context), strict=True
    ):
        np.testing.assert_allclose(arrays, expected, atol=1e-4)


def test_a_faulty_exchange_is_detected_and_the_network_converted(
    context, tuner, conversions, tmp_path, monkeypatch
):
    monkeypatch.setattr(LitertFile, "retrain", lambda *_: None)  # as if nothing had been trained
    serving_model.write(context, tuner, tmp_path / "serving.tflite")
    assert len(conversions) == 1
    view = images.decode_and_crop(
        context.pictures / context.of("validation")[0].path, 32, 1.0, limits=Settings()
    )
    embedding = on_one_thread(tmp_path / "serving.tflite").run(view).embedding
    np.testing.assert_allclose(embedding, stages.embedding(tuner.trunk, view), atol=1e-4)


@pytest.mark.slow
def test_a_run_predicts_the_same_after_exchange_and_conversion(
    trained_run, shapes_dataset, settings, conversions, tmp_path, monkeypatch
):
    exchanged = trained_run("best").run
    monkeypatch.setattr(LitertFile, "retrain", refuse)
    runs = [exchanged, train(shapes_dataset, tiny_config("best"), tmp_path / "run", settings).run]
    assert len(conversions) == 1
    assert all(storage.load(run.model_folder)[0].fine_tuned for run in runs)
    first, second = (run.probabilities() for run in runs)
    np.testing.assert_allclose(first, second, atol=1e-4)
