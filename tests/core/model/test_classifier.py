"""A LiteRT model with the names of its classes."""

import threading

import numpy as np
import pytest

from core.backbones import serving
from core.errors import BadImage, RunDamaged
from core.model.classifier import Classifier, ServingModel, on_one_thread, on_two_threads
from core.model.dense import DenseHead
from tests import shapes


@pytest.fixture
def classifier(tiny, settings):
    return Classifier.of_backbone(tiny, settings)


def noise(count):
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


def test_an_answer_has_probabilities_an_embedding_and_a_feature_map(classifier):
    answer = classifier.answer(noise(1)[0])
    assert answer.probabilities.shape == (1000,)
    assert answer.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert answer.feature_map.shape == (4, 4, 32)
    np.testing.assert_allclose(answer.feature_map.mean((0, 1)), answer.embedding, atol=1e-6)
    assert {a.dtype for a in (answer.probabilities, answer.embedding, answer.feature_map)} == {
        np.dtype(np.float32)
    }
    assert answer.seconds > 0


def test_a_head_replaces_the_probabilities_and_nothing_else(tiny, settings, classifier):
    head = DenseHead(((np.eye(32, 2, dtype=np.float32), np.array([0, 1], np.float32)),))
    classifier_with_head = Classifier(
        on_two_threads(serving.required(tiny, settings)),
        title="Own",
        labels=("a", "b"),
        crop=1.0,
        limits=settings,
        head=head,
    )
    picture = noise(1)[0]
    plain, answer = classifier.answer(picture), classifier_with_head.answer(picture)
    np.testing.assert_array_equal(answer.embedding, plain.embedding)
    np.testing.assert_array_equal(answer.feature_map, plain.feature_map)
    np.testing.assert_allclose(
        answer.probabilities, head.probabilities(plain.embedding[None])[0], atol=1e-6
    )
    assert answer.seconds >= 0


def test_the_likeliest_classes_come_first(classifier):
    probabilities = np.zeros(1000, np.float32)
    probabilities[[281, 7, 999]] = 0.25, 0.5, 0.25
    first, second, third = classifier.top(probabilities, 3)
    assert (first.index, first.label, first.probability) == (7, "cock", 0.5)
    assert (second.index, third.index) == (281, 999), "of equals, the lower index"
    assert len(classifier.top(probabilities, 5000)) == 1000


def test_a_picture_is_loaded_as_the_model_sees_it(classifier, tmp_path):
    content = shapes.encoded(shapes.draw(0, size=100), "PNG")
    (tmp_path / "a.png").write_bytes(content)
    view = classifier.load(content)
    assert (view.shape, view.dtype) == ((32, 32, 3), np.uint8)
    np.testing.assert_array_equal(classifier.load(tmp_path / "a.png"), view)
    with pytest.raises(BadImage):
        classifier.load(b"no picture")


def test_threads_that_share_a_model_take_turns(tiny, settings):
    model = ServingModel(serving.required(tiny, settings), threads=1)
    pictures = noise(40)
    sequential = [model.run(picture).embedding for picture in pictures]
    concurrent = [None] * len(pictures)

    def ask(indices):
        for index in indices:
            concurrent[index] = model.run(pictures[index]).embedding

    threads = [threading.Thread(target=ask, args=(range(i, 40, 4),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(concurrent, sequential)


def test_an_answer_outlives_the_next_question(tiny, settings):
    model = on_one_thread(serving.required(tiny, settings))
    first, second = noise(2)
    answer = model.run(first)
    copy = answer.feature_map.copy()
    model.run(second)
    np.testing.assert_array_equal(answer.feature_map, copy)


def test_the_number_of_threads_does_not_change_an_answer(tiny, settings):
    path = serving.required(tiny, settings)
    picture = noise(1)[0]
    single, several = on_one_thread(path).run(picture), on_two_threads(path).run(picture)
    np.testing.assert_allclose(single.probabilities, several.probabilities, atol=1e-6)


def test_weights_that_give_no_finite_probabilities_are_an_error(classifier):
    head = DenseHead(((np.ones((32, 2), np.float32), np.full(2, np.inf, np.float32)),))
    with np.errstate(invalid="ignore"), pytest.raises(RunDamaged, match="no probabilities"):
        classifier.with_head(head, ("rose", "tulip")).answer(noise(1)[0])
