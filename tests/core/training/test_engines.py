"""LiteRT gives the features of the network in Keras, whoever asks, and again each time."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from core.backbones import build, serving
from core.errors import UnknownModel
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
def test_features_are_those_of_the_layers_in_keras(tiny, settings, stage):
    engine = litert(Network(tiny, settings), stage)
    assert engine.outputs == {"embedding": (32,), tiny.stages[stage].layer: SHAPES[stage]}
    embeddings, cuts = engine.run(noise(6))
    assert (cuts.dtype, cuts.shape) == (np.float16, (6, *SHAPES[stage]))
    trunk = build.trunk(tiny)
    below = keras.Model(trunk.input, trunk.get_layer(tiny.stages[stage].layer).output)
    pictures = noise(6).astype(np.float32)
    np.testing.assert_allclose(
        embeddings, trunk(pictures, training=False).numpy().mean((1, 2)), atol=1e-5
    )
    np.testing.assert_allclose(cuts, below(pictures, training=False), rtol=2e-3, atol=1e-3)


def test_pooled_activations_of_several_depths_follow_the_embedding(tiny, settings):
    engine = litert(Network(tiny, settings), None, tiny.depths)
    assert engine.outputs == {"embedding-stem_relu-block1_relu": (32 + 16 + 24,)}
    (embeddings,) = engine.run(noise(4))
    for stage, part in enumerate(np.split(embeddings[:, 32:], [16], axis=1)):
        last, cuts = litert(Network(tiny, settings), stage).run(noise(4))
        np.testing.assert_array_equal(embeddings[:, :32], last)
        np.testing.assert_allclose(part, cuts.astype(np.float32).mean((1, 2)), rtol=2e-3, atol=1e-3)


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


def test_a_backbone_that_is_not_prepared_is_refused(settings):
    from core.backbones import get

    with pytest.raises(UnknownModel, match="python -m core prepare tiny"):
        litert(Network(get("tiny"), settings), 1)


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
