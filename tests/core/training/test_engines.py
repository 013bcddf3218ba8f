"""LiteRT and TensorFlow give the same features; the machine decides which of them runs."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from core.backbones import serving
from core.model.classifier import Classifier
from core.model.litert_file import LitertFile
from core.training import engines
from core.training.engines import litert
from core.training.network import Network

SHAPES = {0: (16, 16, 16), 1: (8, 8, 24)}


def noise(count, size=32):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def test_embeddings_equal_those_of_a_prediction(tiny, settings):
    (embeddings,) = litert(Network(tiny, settings), None).run(noise(5))
    assert embeddings.dtype == np.float32
    classifier = Classifier.of_backbone(tiny, settings)
    for view, embedding in zip(noise(5), embeddings, strict=True):
        np.testing.assert_array_equal(embedding, classifier.answer(view).embedding)


@pytest.mark.parametrize("stage", SHAPES)
def test_both_engines_give_the_same_features(tiny, settings, stage):
    from core.training.keras_engine import KerasEngine

    light, heavy = (
        litert(Network(tiny, settings), stage),
        KerasEngine(Network(tiny, settings), stage, "heavy"),
    )
    outputs = {"embedding": (32,), tiny.stages[stage].layer: SHAPES[stage]}
    assert light.outputs == heavy.outputs == outputs
    (embeddings, cuts), (expected, expected_cuts) = light.run(noise(6)), heavy.run(noise(6))
    assert (cuts.dtype, cuts.shape) == (np.float16, (6, *SHAPES[stage]))
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    np.testing.assert_allclose(cuts, expected_cuts, rtol=2e-3, atol=1e-3)


def test_both_engines_give_the_same_features_at_several_depths(tiny, settings):
    from core.training.keras_engine import KerasEngine

    network = Network(tiny, settings)
    light = litert(network, None, tiny.depths)
    heavy = KerasEngine(network, None, "heavy", tiny.depths)
    assert light.outputs == heavy.outputs == {"embedding-stem_relu-block1_relu": (32 + 16 + 24,)}
    embeddings = light.run(noise(4))[0]
    np.testing.assert_allclose(embeddings, heavy.run(noise(4))[0], atol=1e-5)
    np.testing.assert_array_equal(embeddings[:, :32], litert(network, None).run(noise(4))[0])


def test_the_same_name_gives_the_same_embeddings_whether_or_not_activations_are_kept(
    tiny, settings
):
    opened = [litert(Network(tiny, settings), stage) for stage in (None, 0, 1)]
    assert len({engine.name for engine in opened}) == 1
    plain, *with_cuts = (engine.run(noise(4))[0] for engine in opened)
    for embeddings in with_cuts:
        np.testing.assert_array_equal(embeddings, plain)


def test_another_serving_model_has_another_name(tiny, settings, monkeypatch):
    first = litert(Network(tiny, settings), None).name
    monkeypatch.setattr(Network, "digest", "f" * 64)
    assert litert(Network(tiny, settings), None).name != first


def test_an_opened_file_is_kept_and_used_again(tiny, settings, monkeypatch):
    litert(Network(tiny, settings), 1)
    (opened_file,) = serving.folder_of(tiny, settings).glob("*-block1_relu.tflite")
    before = opened_file.stat()

    def never(*_):
        raise AssertionError("it was opened again")

    monkeypatch.setattr(LitertFile, "write", never)
    engine = litert(Network(tiny, settings), 1)
    assert engine.outputs["block1_relu"] == SHAPES[1]
    assert (opened_file.stat().st_mtime_ns, opened_file.stat().st_ino) == (
        before.st_mtime_ns,
        before.st_ino,
    )
    with pytest.raises(AssertionError, match="opened again"):
        litert(Network(tiny, settings), 0)
    assert serving.locate(tiny, settings), "the serving model itself was spoiled"


def test_concurrent_callers_get_their_own_results(tiny, settings):
    engine = litert(Network(tiny, settings), 1)
    views = noise(64)
    alone = engine.run(views)
    with ThreadPoolExecutor(4 * engine.callers) as pool:
        shares = list(pool.map(lambda view: engine.run(view[None]), views))
    for arrays, expected in zip(zip(*shares, strict=True), alone, strict=True):
        np.testing.assert_array_equal(np.concatenate(arrays), expected)


def test_a_caller_that_fails_leaves_its_interpreter_to_the_next(tiny, settings):
    engine = engines.LitertEngine(serving.required(tiny, settings), "tiny", callers=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="could not broadcast"):
            engine.run(noise(1, size=16))
    assert engine.run(noise(1))[0].shape == (1, 32)


@pytest.mark.parametrize(
    ("device", "visible", "package", "expected"),
    [
        ("nvidia0", None, "tensorflow", True),
        ("nvidia3", "0", "tensorflow", True),
        ("nvidia0", "", "tensorflow", False),
        ("nvidia0", "-1", "tensorflow", False),
        ("nvidiactl", None, "tensorflow", False),
        ("null", None, "tensorflow", False),
        ("nvidia0", None, "tensorflow_cpu", False),
    ],
)
def test_tensorflow_is_asked_for_a_gpu_only_where_it_can_use_one_that_is_visible(
    tmp_path, monkeypatch, device, visible, package, expected
):
    requested = []
    config = SimpleNamespace(list_physical_devices=lambda kind: requested.append(kind) or ["a GPU"])
    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(config=config))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    (tmp_path / f"{package}-2.21.0.dist-info").mkdir()
    others = [folder for folder in sys.path if "site-packages" not in folder]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *others])
    (tmp_path / device).touch()
    assert engines.has_gpu(tmp_path) is expected
    assert requested == ["GPU"] * expected


def test_training_views_go_through_tensorflow_on_a_gpu_and_litert_without(
    tiny, settings, monkeypatch
):
    network = Network(tiny, settings)
    light = litert(network, 1)
    monkeypatch.setattr(engines, "has_gpu", lambda: False)
    assert engines.for_training(light, network, 1) is light
    monkeypatch.setattr(engines, "has_gpu", lambda: True)
    heavy = engines.for_training(light, network, 1)
    assert type(heavy).__name__ == "KerasEngine"
    assert heavy.name != light.name, "their features are cached apart"
    assert heavy.outputs == light.outputs
