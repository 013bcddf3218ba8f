"""The one pass: each picture is decoded once, each view passes once, and never again."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core import images
from core.backbones import build
from core.errors import BadImage, Cancelled
from core.images import decoding
from core.model.classifier import Classifier
from core.settings import Settings
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.network import Network
from core.training.views import render

ROOT = Path(__file__).parents[3]
PLAIN, THREE = Augmentation.none(), Augmentation(views=3)
STAGE = 1


class Counting:
    """An engine that counts the views it is given, and may be slow or stop."""

    def __init__(self, engine, seconds=0.0):
        self.name, self.cut, self.cut_shape = engine.name, engine.cut, engine.cut_shape
        self.callers, self.batch = engine.callers, engine.batch
        self.depths, self.width = engine.depths, engine.width
        self._engine, self._seconds, self.views = engine, seconds, 0
        self._lock = threading.Lock()

    def run(self, views):
        time.sleep(self._seconds)
        with self._lock:
            self.views += len(views)
        return self._engine.run(views)


@pytest.fixture
def engine(tiny, settings):
    return Counting(engines.litert(Network(tiny, settings), STAGE))


@pytest.fixture
def kept(tmp_path):
    """The folder of features of a test."""
    return tmp_path / "features"


@pytest.fixture
def examples(some_shapes):
    """A few pictures of every class."""
    return some_shapes.dataset.examples[::3]


@pytest.fixture
def extract(some_shapes, tiny, kept, examples):
    """`extract(engine, …)`: features of the examples, in a cache that was just opened."""

    def run(engine, augmentation=THREE, **how):
        return features.extract(
            how.pop("examples", examples),
            how.pop("pictures", some_shapes.pictures),
            tiny,
            augmentation,
            engine,
            FeatureCache(how.pop("kept", kept)),
            seed=how.pop("seed", 0),
            crop=how.pop("crop", tiny.crop),
            limits=Settings(),
            progress=how.pop("progress", lambda *_: None),
            **how,
        )

    return run


def everything(found):
    """Embeddings and activations of every view, in order."""
    n, views = found.embeddings.shape[:2]
    cuts = found.cuts(np.repeat(np.arange(n), views), np.tile(np.arange(views), n))
    return found.embeddings, cuts


def same(found, expected):
    for one, other in zip(everything(found), everything(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def undisturbed(extract, engine, tmp_path):
    """What comes out when nothing goes wrong; in a new cache."""
    found = extract(engine, kept=tmp_path / "undisturbed")
    engine.views = 0
    return found


@pytest.fixture
def decoded(monkeypatch):
    """How often each file was decoded."""
    counts = Counter()
    opened = decoding.open_file

    def counting(source, limits):
        counts[source.name] += 1
        return opened(source, limits)

    monkeypatch.setattr(decoding, "open_file", counting)
    return counts


def alive():
    return [t.name for t in threading.enumerate() if t.name.startswith("extract")]


def test_embeddings_are_those_that_a_prediction_has(
    extract, engine, tiny, settings, some_shapes, examples
):
    found = extract(engine, PLAIN).embeddings
    classifier = Classifier.of_backbone(tiny, settings)
    assert (found.dtype, found.shape) == (np.float32, (len(examples), 1, 32))
    for example, (embedding,) in zip(examples, found, strict=True):
        answer = classifier.answer(classifier.load(some_shapes.pictures / example.path))
        np.testing.assert_array_equal(embedding, answer.embedding)


def test_views_are_in_order_with_their_activations(extract, engine, tiny, some_shapes, examples):
    found = extract(engine, seed=5)
    for place in (0, 7, len(examples) - 1):
        picture = images.decode(some_shapes.pictures / examples[place].path, limits=Settings())
        views = render(picture, tiny.size, tiny.crop, THREE, f"5/{examples[place].sha256}")
        embeddings, cuts = engine.run(np.stack(views))
        np.testing.assert_array_equal(found.embeddings[place], embeddings)
        np.testing.assert_array_equal(found.cuts(np.full(3, place), np.arange(3)), cuts)


def test_activations_come_in_the_order_asked_for(extract, engine, examples):
    found = extract(engine)
    _, cuts = everything(found)
    random = np.random.default_rng(0)
    pictures, views = random.integers(0, len(examples), 50), random.integers(0, 3, 50)
    asked = found.cuts(pictures, views)
    assert (asked.dtype, asked.shape) == (np.float16, (50, 8, 8, 24))
    np.testing.assert_array_equal(asked, cuts.reshape(len(examples), 3, 8, 8, 24)[pictures, views])
    nothing = np.empty(0, np.int64)
    assert found.cuts(nothing, nothing).shape == (0, 8, 8, 24)


def test_the_layers_above_make_the_embeddings_out_of_the_activations(extract, engine, tiny):
    embeddings, cuts = everything(extract(engine))
    above = build.top_model(tiny, STAGE, build.trunk(tiny))
    maps = np.asarray(above(cuts.astype(np.float32), training=False))
    np.testing.assert_allclose(maps.mean((1, 2)), embeddings.reshape(-1, 32), rtol=2e-3, atol=2e-3)


def test_tensorflow_sees_the_same_in_larger_batches(extract, undisturbed, tiny, settings, kept):
    from core.training.keras_engine import KerasEngine

    found = extract(KerasEngine(Network(tiny, settings), STAGE, "tensorflow"))
    assert (found.passed, found.reused) == (undisturbed.passed, 0)
    for one, other in zip(everything(found), everything(undisturbed), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-3)


def test_the_seed_decides_the_random_views_and_nothing_else_does(extract, engine, tmp_path):
    one, again, other = (
        extract(engine, seed=seed, kept=tmp_path / str(place)).embeddings
        for place, seed in enumerate((1, 1, 2))
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one[:, :2], other[:, :2])
    assert not (one[:, 2] == other[:, 2]).all(axis=1).any()


@pytest.mark.parametrize("count", [1, 5])
def test_a_picture_is_decoded_once_however_many_views_it_has(
    extract, engine, decoded, count, examples
):
    found = extract(engine, Augmentation(views=count))
    assert found.embeddings.shape == (len(examples), count, 32)
    assert engine.views == found.passed == count * len(examples)
    assert sorted(decoded.values()) == [1] * len(examples)


def test_a_second_time_nothing_passes_and_nothing_is_decoded(extract, engine, decoded):
    first = extract(engine)
    engine.views = 0
    decoded.clear()
    again = extract(engine)
    assert engine.views == again.passed == 0
    assert again.reused == first.passed
    assert not decoded
    same(again, first)


def test_features_of_other_depths_are_kept_apart(extract, tiny, settings):
    network = Network(tiny, settings)
    last, deep = (engines.litert(network, None, depths) for depths in ((), tiny.depths))
    plain = extract(last, PLAIN)
    for engine, width in ((deep, 72), (last, 32), (deep, 72)):
        found = extract(engine, PLAIN)
        assert found.embeddings.shape[-1] == width
        np.testing.assert_array_equal(found.embeddings[:, :, :32], plain.embeddings)
    assert found.passed == 0


def test_new_pictures_pay_for_themselves_alone(extract, engine, decoded, some_shapes, undisturbed):
    extract(engine, examples=some_shapes.dataset.examples[:9:3])
    engine.views = 0
    decoded.clear()
    found = extract(engine)
    assert engine.views == found.passed == 3 * (len(undisturbed.embeddings) - 3)
    assert found.reused == 9
    assert len(decoded) == len(undisturbed.embeddings) - 3
    same(found, undisturbed)


@pytest.mark.parametrize(
    ("before", "seed", "new"),
    [
        (PLAIN, 0, 2),
        (Augmentation(views=2), 7, 1),  # the mirror image is the same with any seed
        (THREE, 7, 1),
        (Augmentation(views=3, zoom=0.3), 0, 1),
        (Augmentation(views=8), 0, 0),
        (Augmentation(views=3, flip=False), 0, 2),
    ],
    ids=str,
)
def test_new_views_pay_for_themselves_alone(
    extract, engine, undisturbed, before, seed, new, examples
):
    extract(engine, before, seed=seed)
    engine.views = 0
    found = extract(engine)
    assert engine.views == found.passed == new * len(examples)
    assert found.reused == (3 - new) * len(examples)
    same(found, undisturbed)


def test_another_crop_shows_something_else_and_is_kept_apart(
    extract, engine, undisturbed, tiny, some_shapes, examples
):
    extract(engine)
    closer = extract(engine, crop=0.7)
    assert (closer.passed, closer.reused) == (3 * len(examples), 0)
    for example, (plain, *_) in zip(examples, closer.embeddings, strict=True):
        view = images.decode_and_crop(
            some_shapes.pictures / example.path, tiny.size, 0.7, limits=Settings()
        )
        np.testing.assert_array_equal(plain, engine.run(view[None])[0][0])
    assert extract(engine, crop=0.7).passed == 0
    again = extract(engine)
    assert again.passed == 0
    same(again, undisturbed)


def test_activations_that_were_not_kept_are_paid_for_and_embeddings_stay(
    extract, engine, tiny, settings, undisturbed, examples
):
    extract(engines.litert(Network(tiny, settings), None), PLAIN)
    found = extract(engine)
    assert found.passed == 3 * len(examples)
    same(found, undisturbed)
    alone = extract(Counting(engines.litert(Network(tiny, settings), None)))
    assert (alone.passed, alone.reused) == (0, 3 * len(examples))
    np.testing.assert_array_equal(alone.embeddings, found.embeddings)


def test_equal_pictures_pass_once(extract, engine, examples, decoded):
    copies = tuple(
        example.model_copy(update={"name": f"copy of {example.name}"}) for example in examples[:4]
    )
    found = extract(engine, examples=(*copies, *examples, *copies))
    assert engine.views == found.passed == 3 * len(examples)
    assert found.reused == 3 * 8
    assert set(decoded.values()) == {1}
    n = len(examples)
    for first in (0, 4, 4 + n):
        np.testing.assert_array_equal(found.embeddings[first : first + 4], found.embeddings[:4])
    np.testing.assert_array_equal(
        found.cuts(np.arange(4), np.full(4, 2)), found.cuts(np.arange(4) + 4 + n, np.full(4, 2))
    )


@pytest.mark.parametrize("at", [1, 6, 13])
def test_a_pass_that_was_stopped_goes_on_where_it_was(extract, engine, undisturbed, at):
    def stop(done, total):
        if done >= at:
            raise Cancelled("Stop.")

    with pytest.raises(Cancelled):
        extract(engine, progress=stop)
    assert alive() == []
    engine.views = 0
    found = extract(engine)
    assert found.reused >= 3 * at
    assert engine.views == found.passed == undisturbed.passed - found.reused
    same(found, undisturbed)


KILLED = """
import sys, time
from pathlib import Path
from core import backbones, intake, settings
from core.training import engines, features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.network import Network

settings, tiny, folder = settings.load(), backbones.get("tiny"), Path(sys.argv[1])

said = []

def say(done, total):
    print(done, flush=True)
    said.append(done)
    time.sleep(0.1 if len(said) < 2 else 60)  # so that it is killed before the end

features.extract(
    intake.load(folder).dataset.examples[::3], intake.pictures(folder), tiny,
    Augmentation(views=3), engines.litert(Network(tiny, settings), 1),
    FeatureCache(Path(sys.argv[2])),
    seed=0, crop=tiny.crop, limits=settings, progress=say,
)
"""


def test_a_pass_that_was_killed_goes_on_where_it_was(
    extract, engine, undisturbed, settings, some_shapes, kept
):
    job = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(some_shapes.pictures.parent), str(kept)],
        cwd=ROOT,
        env=os.environ | {"TUSKER_HOME": str(settings.home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with job:
        assert job.stdout
        done = [int(job.stdout.readline()) for _ in range(2)][-1]
        job.kill()
    assert job.returncode == -signal.SIGKILL
    found = extract(engine)
    assert 0 < 3 * done <= found.reused < undisturbed.passed
    assert engine.views == found.passed == undisturbed.passed - found.reused
    same(found, undisturbed)


def test_a_view_that_was_kept_in_part_passes_again(extract, engine, undisturbed, kept):
    extract(engine)
    (names,) = kept.glob("*/mirror-*/block1_relu/pictures")
    lines = names.read_text().splitlines(keepends=True)
    names.write_text("".join(lines[:4]))
    engine.views = 0
    found = extract(engine)
    assert engine.views == found.passed == len(lines) - 4
    same(found, undisturbed)


def test_no_more_passes_ahead_than_memory_holds(extract, engine, some_shapes):
    ahead = []

    def slowly(done, total):
        time.sleep(0.02)
        ahead.append(engine.views - done)

    extract(engine, PLAIN, examples=some_shapes.dataset.examples, progress=slowly)
    assert 0 < max(ahead) <= 2 * engine.callers * engine.batch


def test_progress_counts_pictures_up_to_all_of_them(extract, engine, examples):
    for known in (0, len(examples)):
        said = []
        extract(engine, progress=lambda *words, said=said: said.append(words))
        assert said[-1] == (len(examples), len(examples))
        assert said == sorted(said)
        assert {total for _, total in said} == {len(examples)}
        assert (len(said) > 1) == (known == 0)


def test_cancelling_stops_at_once_and_leaves_no_thread_behind(
    extract, tiny, settings, decoded, some_shapes
):
    def stop(done, total):
        raise Cancelled("Stop.")

    slow = Counting(engines.litert(Network(tiny, settings), STAGE), seconds=0.1)
    slow.callers = 1
    with pytest.raises(Cancelled) as stopped:
        extract(slow, PLAIN, examples=some_shapes.dataset.examples, progress=stop)
    assert alive() == [], stopped
    assert len(decoded) < len(some_shapes.dataset.examples) / 2


def test_of_no_pictures_there_are_no_features(extract, engine):
    found = extract(engine, examples=())
    assert found.embeddings.shape == (0, 3, 32)
    assert (found.passed, found.reused) == (0, 0)


def test_a_picture_that_has_gone_is_a_refusal_unless_it_is_known(
    extract, engine, some_shapes, tmp_path, examples
):
    copy = tmp_path / "copy"
    shutil.copytree(some_shapes.pictures, copy)
    (copy / examples[3].path).unlink()
    with pytest.raises(BadImage, match="may have been deleted"):
        extract(engine, pictures=copy)
    assert alive() == []
    extract(engine)
    assert extract(engine, pictures=copy).passed == 0
