"""The one pass: every view goes through the frozen layers once, every picture is decoded once."""

import shutil
import threading
import time
from collections import Counter

import numpy as np
import pytest

from core import images
from core.backbones import build, serving
from core.classifier import Classifier
from core.errors import BadImage, Cancelled
from core.training import features
from core.training.config import Augmentation
from core.training.features import ServingEngine
from core.training.keras_engine import KerasEngine
from core.training.views import render

THREE = Augmentation(views=3)
STAGE = 1


@pytest.fixture
def engine(tiny, settings):
    return ServingEngine(serving.required(tiny, settings))


@pytest.fixture(scope="module")
def keras_engine():
    from core.backbones import get

    tiny = get("tiny")
    return KerasEngine(tiny, STAGE, build.trunk(tiny))


@pytest.fixture
def extract(some_shapes, tiny, tmp_path):
    """`extract(engine, …)`: features of the first pictures of every class."""

    def run(engine, augmentation=THREE, *, seed=0, pictures=some_shapes.pictures, **how):
        examples = some_shapes.dataset.examples[::3]
        progress = how.pop("progress", lambda *_: None)
        found = features.extract(
            how.pop("examples", examples),
            pictures,
            tiny,
            augmentation,
            engine,
            tmp_path,
            seed=seed,
            progress=progress,
        )
        return examples, found

    return run


def alive(prefix):
    return [t.name for t in threading.enumerate() if t.name.startswith(prefix)]


def test_embeddings_are_those_that_a_prediction_has(extract, engine, tiny, settings, some_shapes):
    examples, found = extract(engine, Augmentation.none())
    classifier = Classifier.of_backbone(tiny, settings)
    assert found.embeddings.dtype == np.float32
    assert found.cuts is None
    for example, embedding in zip(examples, found.embeddings, strict=True):
        answer = classifier.answer(classifier.load(some_shapes.pictures / example.path))
        np.testing.assert_allclose(embedding, answer.embedding, atol=1e-6)


def test_both_engines_see_the_same(extract, engine, keras_engine):
    _, light = extract(engine)
    _, heavy = extract(keras_engine)
    np.testing.assert_allclose(heavy.embeddings, light.embeddings, atol=1e-5)


def test_the_views_of_a_picture_stand_beside_each_other_in_order(
    extract, engine, tiny, settings, some_shapes
):
    examples, found = extract(engine, THREE, seed=5)
    assert len(found) == len(found.embeddings) == 3 * len(examples)
    np.testing.assert_array_equal(found.owners, np.repeat(np.arange(len(examples)), 3))
    model = Classifier.of_backbone(tiny, settings)
    for place in (0, 7, len(examples) - 1):
        picture = images.decode(some_shapes.pictures / examples[place].path)
        key = f"5/{examples[place].sha256}"
        views = render(picture, tiny.size, tiny.crop, THREE, key)
        for view, embedding in zip(views, found.embeddings[3 * place :], strict=False):
            np.testing.assert_allclose(embedding, model.answer(view).embedding, atol=1e-6)


def test_the_seed_decides_the_random_views_and_nothing_else_does(extract, engine):
    one, again, other = (extract(engine, seed=seed)[1].embeddings for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    random = np.arange(len(one)) % 3 == 2
    np.testing.assert_array_equal(one[~random], other[~random])
    assert not np.array_equal(one[random], other[random])


@pytest.mark.parametrize("count", [1, 5])
def test_a_picture_is_decoded_once_however_many_views_it_has(extract, engine, monkeypatch, count):
    decoded = Counter()
    decode = images.decode

    def counting(source, **how):
        decoded[source.name] += 1
        return decode(source, **how)

    monkeypatch.setattr(images, "decode", counting)
    examples, found = extract(engine, Augmentation(views=count))
    assert len(found) == count * len(examples)
    assert len(decoded) == len(examples)
    assert set(decoded.values()) == {1}


def test_an_engine_is_given_each_view_once(extract, keras_engine):
    class Counting:
        views = 0

        def run(self, views):
            self.views += len(views)
            return keras_engine.run(views)

    counting = Counting()
    examples, _ = extract(counting)
    assert counting.views == 3 * len(examples)


def test_no_more_is_decoded_ahead_than_memory_holds(extract, keras_engine, monkeypatch):
    decoded, ahead = [], []
    decode = images.decode

    class Slow:
        given = 0

        def run(self, views):
            time.sleep(0.02)
            self.given += len(views)
            ahead.append(len(decoded) - self.given)
            return keras_engine.run(views)

    def counting(source, **how):
        decoded.append(source)
        return decode(source, **how)

    monkeypatch.setattr(images, "decode", counting)
    monkeypatch.setattr(features, "CORES", 2)
    examples = extract(keras_engine, Augmentation.none())[0] * 20
    decoded.clear()
    extract(Slow(), Augmentation.none(), examples=examples)
    assert len(decoded) == 280
    assert max(ahead) <= 2 * features.BATCH + 2


def test_cuts_are_kept_on_disk_in_half_precision(extract, keras_engine, tiny, tmp_path):
    examples, found = extract(keras_engine, Augmentation.none())
    assert isinstance(found.cuts, np.memmap)
    assert found.cuts.dtype == np.float16
    assert found.cuts.shape == (len(examples), 8, 8, 24)
    np.testing.assert_array_equal(np.load(tmp_path / "cuts.npy"), found.cuts)


def test_the_layers_above_make_the_embeddings_out_of_the_cuts(extract, keras_engine, tiny):
    _, found = extract(keras_engine)
    above = build.top_model(tiny, STAGE, build.trunk(tiny))
    maps = np.asarray(above(found.cuts.astype(np.float32), training=False))
    np.testing.assert_allclose(maps.mean((1, 2)), found.embeddings, rtol=2e-3, atol=2e-3)


def test_progress_counts_pictures_up_to_all_of_them(extract, engine):
    said = []
    examples, _ = extract(engine, progress=lambda *words: said.append(words))
    assert said[-1] == (len(examples), len(examples))
    assert said == sorted(said)
    assert {total for _, total in said} == {len(examples)}
    assert len(said) > 1


def test_cancelling_stops_at_once_and_leaves_no_thread_behind(extract, keras_engine, monkeypatch):
    decoded = []
    decode = images.decode

    def slow(source, **how):
        decoded.append(source)
        time.sleep(0.02)
        return decode(source, **how)

    def stop(done, total):
        raise Cancelled("Stop.")

    monkeypatch.setattr(images, "decode", slow)
    monkeypatch.setattr(features, "CORES", 2)
    examples = extract(keras_engine, Augmentation.none())[0] * 20
    decoded.clear()
    began = time.monotonic()
    with pytest.raises(Cancelled) as stopped:
        extract(keras_engine, examples=examples, progress=stop)
    assert time.monotonic() - began < 2
    assert alive("decoder") == [], stopped
    assert len(decoded) < len(examples) / 4


def test_an_engine_that_is_let_go_ends_its_threads(tiny, settings):
    engine = ServingEngine(serving.required(tiny, settings))
    engine.run(np.zeros((3, 32, 32, 3), np.uint8))
    assert alive("interpreter")
    del engine
    deadline = time.monotonic() + 5
    while alive("interpreter") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive("interpreter") == []


def test_fewer_views_than_cores_are_no_trouble(engine, monkeypatch):
    assert engine.run(np.zeros((1, 32, 32, 3), np.uint8))[0].shape == (1, 32)


def test_of_no_pictures_there_are_no_features(extract, engine):
    _, found = extract(engine, examples=())
    assert found.embeddings.shape == (0, 32)
    assert len(found) == 0


def test_a_picture_that_has_gone_is_a_refusal(extract, engine, some_shapes, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(some_shapes.pictures, copy)
    (copy / some_shapes.dataset.examples[3].path).unlink()
    with pytest.raises(BadImage, match="may have been deleted"):
        extract(engine, pictures=copy)
    assert alive("decoder") == []
