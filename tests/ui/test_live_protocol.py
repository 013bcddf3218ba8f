"""Questions of a live view are answered within their bounds, and nothing else is."""

import base64
import json
from typing import Any

import numpy as np
import pytest

from core import live
from core.backbones import get
from core.live import Part
from core.model import appearance
from core.model.classifier import Classifier
from core.settings import Settings
from tests.shapes import draw, encoded
from ui.live_camera.protocol import PIECE, answer

MODEL = "efficientnet-lite0"
LONG = Part.of(np.random.default_rng(0).bytes(2 * PIECE))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.of_backbone(get(MODEL), Settings())


def _read(said: bytes | None) -> tuple[dict[str, Any], bytes]:
    assert said is not None
    length = int.from_bytes(said[:4], "little")
    return json.loads(said[4 : 4 + length]), said[4 + length :]


def test_a_part_comes_piece_by_piece_and_whole(classifier: Classifier) -> None:
    got = b""
    while True:
        asked = {"number": len(got), "model": MODEL, "part": "trunk", "at": len(got)}
        header, piece = _read(answer(asked, MODEL, classifier, {"trunk": LONG}))
        assert header == {"number": len(got)}
        assert len(piece) <= PIECE
        if not piece:
            break
        got += piece
    assert got == LONG.content


def test_a_frame_gets_its_probabilities_and_on_request_a_map(classifier: Classifier) -> None:
    frame = encoded(draw(0, size=classifier.size))
    asked = {"number": 5, "model": MODEL, "frame": base64.b64encode(frame).decode()}
    header, payload = _read(answer(asked, MODEL, classifier, {}))
    assert (header["number"], header["classes"], header["heat"]) == (5, 1000, False)
    expected = classifier.answer(classifier.load(frame)).probabilities
    values = np.frombuffer(payload, "<f4")
    # The file is cropped when it is loaded, the frame was cropped where it was taken.
    assert values.shape == expected.shape
    assert values.sum() == pytest.approx(1, abs=1e-4)
    header, payload = _read(answer({**asked, "explain": 3}, MODEL, classifier, {}))
    assert header["heat"]
    assert len(payload) == 4 * (1000 + 7 * 7)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"model": "other", "part": "head"}, "The page shows another model now."),
        ({"frame": base64.b64encode(b"no picture").decode()}, "Not a picture"),
        ({"check": [base64.b64encode(b"no picture").decode()]}, "Nothing was kept of how"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(
    asked: dict[str, Any], sentence: str, classifier: Classifier
) -> None:
    header, payload = _read(answer({"number": 1, "model": MODEL, **asked}, MODEL, classifier, {}))
    assert sentence in str(header["refusal"])
    assert not payload


def test_a_camera_check_is_answered_in_words_by_its_frames(classifier: Classifier) -> None:
    frame = encoded(draw(0, size=classifier.size))
    classifier.appearance = appearance.summarise(
        [appearance.measure(classifier.load(frame))] * appearance.FEWEST
    )
    sent = [base64.b64encode(frame).decode()] * live.FRAMES
    asked = {"number": 4, "model": MODEL, "check": sent}
    header, payload = _read(answer(asked, MODEL, classifier, {}))
    classifier.appearance = None
    assert header["number"] == 4
    assert header["sentence"].startswith("Your camera looks ")
    assert [one["name"] for one in header["measures"]] == ["brightness", "warmth", "sharpness"]
    assert header["unlike"] in (True, False)
    assert not payload


@pytest.mark.parametrize(
    "asked",
    [None, "?", {}, {"number": 1, "model": MODEL, "at": -1}, {"number": 1, "model": MODEL, "x": 1},
     {"number": 1, "model": MODEL, "part": "../model.json"},
     {"number": 1, "model": MODEL, "check": ["AAAA"] * 11},
     {"number": 1, "model": MODEL, "check": "?"}],
)  # fmt: skip
def test_what_is_no_question_gets_no_answer(asked: object, classifier: Classifier) -> None:
    assert answer(asked, MODEL, classifier, {}) is None
