"""One prediction against its bare parts."""

import json

import numpy as np
import pytest

from benchmarks import pictures, prediction
from core import backbones, images
from core.model.classifier import Classifier
from core.settings import Settings


@pytest.fixture
def photo(tmp_path):
    return pictures.photographs(tmp_path, 1)[0]


def test_calls_take_turns_and_those_that_warm_up_are_not_counted():
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    timings = prediction.interleaved(calls, rounds=2, warm_up=1)
    assert order == ["a", "b"] * 3
    assert set(timings) == {"a", "b"}


def test_the_parts_compute_the_same_prediction(photo, settings):
    backbone = backbones.get(backbones.DEFAULT)
    classifier = Classifier.of_backbone(backbone, settings)
    content = photo.read_bytes()
    parts = prediction.bare(backbone, settings, content)
    np.testing.assert_array_equal(
        np.asarray(parts["resize"]()),
        images.decode_and_crop(content, backbone.size, backbone.crop, limits=Settings()),
    )
    answer = classifier.answer(classifier.load(content))
    np.testing.assert_allclose(parts["run"]()[0], answer.probabilities, atol=1e-5)
    assert len(prediction.classify(classifier, content)()) == prediction.TOP


@pytest.mark.slow
def test_the_output_is_one_line_of_json(capsys):
    prediction.main(["--rounds", "2", "--processes", "1", "--json"])
    line = json.loads(capsys.readouterr().out)
    assert line["figures"]["process: times faster"]["at_least"] == 6
    assert line["figures"]["times faster than model.predict"]["at_least"] == 3
