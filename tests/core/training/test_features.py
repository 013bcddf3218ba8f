"""The one pass: each picture is decoded once, each view passes once, and never again."""

import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadImage, Cancelled
from core.images import decoding
from core.settings import Settings
from core.training import engines, features
from core.training.augmentation import Rendering
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.network import Network

ROOT = Path(__file__).parents[3]
PLAIN, THREE = Augmentation(), Augmentation(views=3)
STAGE = 1


class CountingEngine:
    """An engine that counts the views it is given, and may be slow or stop."""

    def __init__(self, engine, seconds=0.0):
        self.name, self.outputs = engine.name, engine.outputs
        self.callers, self.batch = engine.callers, engine.batch
        self._engine, self._seconds, self.views = engine, seconds, 0
        self._lock = threading.Lock()

    def run(self, views):
        time.sleep(self._seconds)
        with self._lock:
            self.views += len(views)
        return self._engine.run(views)


@pytest.fixture
def engine(tiny, settings):
    return CountingEngine(engines.litert(Network(tiny, settings), STAGE))


@pytest.fixture
def cache_folder(tmp_path):
    """The folder of features of a test."""
    return tmp_path / "features"


@pytest.fixture
def examples(shapes_dataset):
    """A few pictures of every class."""
    return shapes_dataset.dataset.examples[::3]


@pytest.fixture
def extract(shapes_dataset, tiny, cache_folder, examples):
    """`extract(engine, …)`: features of the examples, in a cache that was just opened."""

    def run(engine, augmentation=THREE, **options):
        return features.extract(
            options.pop("examples", examples),
            options.pop("pictures", shapes_dataset.pictures),
            Rendering(
                augmentation,
                tiny.size,
                options.pop("crop", tiny.crop),
                Settings(),
                seed=options.pop("seed", 0),
            ),
            engine,
            options.pop("cache", None) or FeatureCache(options.pop("cache_folder", cache_folder)),
            options.pop("progress", lambda *_: None),
            **options,
        )

    return run


def all_arrays(extracted):
    """Embeddings and activations of every view, in order."""
    n, views = extracted.embeddings.shape[:2]
    cuts = extracted.cuts(np.repeat(np.arange(n), views), np.tile(np.arange(views), n))
    return extracted.embeddings, cuts


def assert_equal(extracted, expected):
    for array, expected_array in zip(all_arrays(extracted), all_arrays(expected), strict=True):
        np.testing.assert_array_equal(array, expected_array)


@pytest.fixture
def uninterrupted(extract, engine, tmp_path):
    """What comes out when nothing goes wrong; in a new cache."""
    extracted = extract(engine, cache_folder=tmp_path / "undisturbed")
    engine.views = 0
    return extracted


@pytest.fixture
def decoded(monkeypatch):
    """How often each file was decoded."""
    counts = Counter()
    read_original = decoding.read

    def counting(source, limits):
        counts[source.name] += 1
        return read_original(source, limits)

    monkeypatch.setattr(decoding, "read", counting)
    return counts


def running_threads():
    return [t.name for t in threading.enumerate() if t.name.startswith("extract")]


def test_views_are_in_order_with_their_activations(extract, engine, tiny, shapes_dataset, examples):
    extracted = extract(engine, seed=5)
    for index in (0, 7, len(examples) - 1):
        path, sha256 = shapes_dataset.pictures / examples[index].path, examples[index].sha256
        rendering = Rendering(THREE, tiny.size, tiny.crop, Settings(), seed=5)
        views = rendering.views(path, sha256, range(3))
        embeddings, cuts = engine.run(np.stack(views))
        np.testing.assert_array_equal(extracted.embeddings[index], embeddings)
        np.testing.assert_array_equal(extracted.cuts(np.full(3, index), np.arange(3)), cuts)


def test_activations_are_in_the_requested_order(extract, engine, examples):
    extracted = extract(engine)
    _, cuts = all_arrays(extracted)
    random = np.random.default_rng(0)
    pictures, views = random.integers(0, len(examples), 50), random.integers(0, 3, 50)
    selected = extracted.cuts(pictures, views)
    assert (selected.dtype, selected.shape) == (np.float16, (50, 8, 8, 24))
    np.testing.assert_array_equal(
        selected, cuts.reshape(len(examples), 3, 8, 8, 24)[pictures, views]
    )
    nothing = np.empty(0, np.int64)
    assert extracted.cuts(nothing, nothing).shape == (0, 8, 8, 24)


def test_tensorflow_extracts_the_same_in_larger_batches(
    extract, uninterrupted, tiny, settings, cache_folder
):
    from core.training.keras_engine import KerasEngine

    extracted = extract(KerasEngine(Network(tiny, settings), STAGE, "tensorflow"))
    assert (extracted.passed, extracted.reused) == (uninterrupted.passed, 0)
    for array, expected_array in zip(all_arrays(extracted), all_arrays(uninterrupted), strict=True):
        np.testing.assert_allclose(array, expected_array, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("count", [1, 5])
def test_a_picture_is_decoded_once_however_many_views_it_has(
    extract, engine, decoded, count, examples
):
    extracted = extract(engine, Augmentation(views=count))
    assert extracted.embeddings.shape == (len(examples), count, 32)
    assert engine.views == extracted.passed == count * len(examples)
    assert sorted(decoded.values()) == [1] * len(examples)


def test_a_second_extraction_decodes_nothing(extract, engine, decoded):
    first = extract(engine)
    engine.views = 0
    decoded.clear()
    repeated = extract(engine)
    assert engine.views == repeated.passed == 0
    assert repeated.reused == first.passed
    assert not decoded
    assert_equal(repeated, first)


def test_features_of_other_depths_are_cached_separately(extract, tiny, settings):
    network = Network(tiny, settings)
    last, deep = (engines.litert(network, None, depths) for depths in ((), tiny.depths))
    plain = extract(last, PLAIN)
    for engine, width in ((deep, 72), (last, 32), (deep, 72)):
        extracted = extract(engine, PLAIN)
        assert extracted.embeddings.shape[-1] == width
        np.testing.assert_array_equal(extracted.embeddings[:, :, :32], plain.embeddings)
    assert extracted.passed == 0


def test_only_new_pictures_are_extracted(extract, engine, decoded, shapes_dataset, uninterrupted):
    extract(engine, examples=shapes_dataset.dataset.examples[:9:3])
    engine.views = 0
    decoded.clear()
    extracted = extract(engine)
    assert engine.views == extracted.passed == 3 * (len(uninterrupted.embeddings) - 3)
    assert extracted.reused == 9
    assert len(decoded) == len(uninterrupted.embeddings) - 3
    assert_equal(extracted, uninterrupted)


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
def test_only_new_views_are_extracted(extract, engine, uninterrupted, before, seed, new, examples):
    extract(engine, before, seed=seed)
    engine.views = 0
    extracted = extract(engine)
    assert engine.views == extracted.passed == new * len(examples)
    assert extracted.reused == (3 - new) * len(examples)
    assert_equal(extracted, uninterrupted)


def test_missing_activations_are_extracted_and_embeddings_stay(
    extract, engine, tiny, settings, uninterrupted, examples
):
    extract(engines.litert(Network(tiny, settings), None), PLAIN)
    extracted = extract(engine)
    assert extracted.passed == 3 * len(examples)
    assert_equal(extracted, uninterrupted)
    alone = extract(CountingEngine(engines.litert(Network(tiny, settings), None)))
    assert (alone.passed, alone.reused) == (0, 3 * len(examples))
    np.testing.assert_array_equal(alone.embeddings, extracted.embeddings)


def test_equal_pictures_are_extracted_once(extract, engine, examples, decoded):
    copies = tuple(
        example.model_copy(update={"name": f"copy of {example.name}"}) for example in examples[:4]
    )
    extracted = extract(engine, examples=(*copies, *examples, *copies))
    assert engine.views == extracted.passed == 3 * len(examples)
    assert extracted.reused == 0
    assert set(decoded.values()) == {1}
    count = len(examples)
    for first in (0, 4, 4 + count):
        np.testing.assert_array_equal(
            extracted.embeddings[first : first + 4], extracted.embeddings[:4]
        )
    np.testing.assert_array_equal(
        extracted.cuts(np.arange(4), np.full(4, 2)),
        extracted.cuts(np.arange(4) + 4 + count, np.full(4, 2)),
    )


@pytest.mark.parametrize("at", [1, 6, 13])
def test_a_stopped_extraction_resumes(extract, engine, uninterrupted, at):
    def stop(done, total):
        if done >= at:
            raise Cancelled("Stop.")

    with pytest.raises(Cancelled):
        extract(engine, progress=stop)
    assert running_threads() == []
    engine.views = 0
    extracted = extract(engine)
    assert extracted.reused >= 3 * at
    assert engine.views == extracted.passed == uninterrupted.passed - extracted.reused
    assert_equal(extracted, uninterrupted)


def test_a_view_that_was_cached_in_part_is_extracted_again(
    extract, engine, uninterrupted, cache_folder
):
    extract(engine)
    (names,) = cache_folder.glob("*/mirror-*/block1_relu/pictures")
    lines = names.read_text().splitlines(keepends=True)
    names.write_text("".join(lines[:4]))
    engine.views = 0
    extracted = extract(engine)
    assert engine.views == extracted.passed == len(lines) - 4
    assert_equal(extracted, uninterrupted)


def test_only_a_few_batches_are_extracted_ahead(extract, engine, shapes_dataset):
    ahead = []

    def slowly(done, total):
        time.sleep(0.02)
        ahead.append(engine.views - done)

    extract(engine, PLAIN, examples=shapes_dataset.dataset.examples, progress=slowly)
    assert 0 < max(ahead) <= 2 * engine.callers * engine.batch


def test_progress_counts_pictures_up_to_all_of_them(extract, engine, examples):
    for cached in (0, len(examples)):
        progress_calls = []
        extract(
            engine,
            progress=lambda *counts, progress_calls=progress_calls: progress_calls.append(counts),
        )
        assert progress_calls[-1] == (len(examples), len(examples))
        assert progress_calls == sorted(progress_calls)
        assert {total for _, total in progress_calls} == {len(examples)}
        assert (len(progress_calls) > 1) == (cached == 0)


def test_cancelling_stops_every_thread(extract, tiny, settings, decoded, shapes_dataset):
    def stop(done, total):
        raise Cancelled("Stop.")

    slow = CountingEngine(engines.litert(Network(tiny, settings), STAGE), seconds=0.1)
    slow.callers = 1
    with pytest.raises(Cancelled) as stopped:
        extract(slow, PLAIN, examples=shapes_dataset.dataset.examples, progress=stop)
    assert running_threads() == [], stopped
    assert len(decoded) < len(shapes_dataset.dataset.examples) / 2


def test_no_pictures_give_no_features(extract, engine):
    extracted = extract(engine, examples=())
    assert extracted.embeddings.shape == (0, 3, 32)
    assert (extracted.passed, extracted.reused) == (0, 0)


def test_a_missing_picture_is_refused_unless_its_features_are_cached(
    extract, engine, shapes_dataset, tmp_path, examples
):
    copy = tmp_path / "copy"
    shutil.copytree(shapes_dataset.pictures, copy)
    (copy / examples[3].path).unlink()
    with pytest.raises(BadImage, match="may have been deleted"):
        extract(engine, pictures=copy)
    assert running_threads() == []
    extract(engine)
    assert extract(engine, pictures=copy).passed == 0
