"""Requests of a live view are answered within their bounds, and nothing else is."""

import base64
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.backbones import get
from core.errors import RunDamaged
from core.live import camera_check
from core.live.parts import Part
from core.model import appearance
from core.model.classifier import Classifier
from core.settings import Settings
from tests.shapes import draw, encoded
from ui.live_camera.protocol import PIECE, answer

MODEL = "efficientnet-lite0"
LONG = Part.of(np.random.default_rng(0).bytes(2 * PIECE))
NO_PICTURE = base64.b64encode(b"no picture").decode()


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.of_backbone(get(MODEL), Settings())


@pytest.fixture(scope="module")
def frame(classifier: Classifier) -> bytes:
    return encoded(draw(0, size=classifier.size))


def request(classifier: Classifier, **message: Any) -> tuple[dict[str, Any], bytes]:
    """Header and payload of the response."""
    message = {"number": 5, "model": MODEL, **message}
    response = answer(message, MODEL, lambda: (classifier, {"trunk": LONG}))
    assert response is not None
    end = 4 + int.from_bytes(response[:4], "little")
    header = json.loads(response[4:end])
    assert header.pop("number") == 5
    return header, response[end:]


def test_a_part_comes_piece_by_piece_and_whole(classifier: Classifier) -> None:
    content, piece = b"", b"?"
    while piece:
        header, piece = request(classifier, part="trunk", offset=len(content))
        assert not header
        assert len(piece) <= PIECE
        content += piece
    assert content == LONG.content


def test_a_frame_gets_its_probabilities_and_on_request_a_heat_map(
    classifier: Classifier, frame: bytes
) -> None:
    text = base64.b64encode(frame).decode()
    header, payload = request(classifier, frame=text)
    assert header == {"classes": 1000, "ood_score": None, "heat": False}
    expected = classifier.answer(classifier.load_frame(frame))
    np.testing.assert_array_equal(np.frombuffer(payload, "<f4"), expected.probabilities)
    header, payload = request(classifier, frame=text, explain=3)
    assert header["heat"]
    heat = np.frombuffer(payload, "<f4")[1000:].reshape(7, 7)
    np.testing.assert_array_equal(heat, classifier.heatmaps(expected, [3])[0])
    assert not request(classifier, frame=text, explain=5_000)[0]["heat"]


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"model": "another", "part": "head"}, "another model"),
        ({"frame": NO_PICTURE}, "Not a picture"),
        ({"check": [NO_PICTURE]}, "camera cannot be compared"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_in_a_sentence(
    message: dict[str, Any], error: str, classifier: Classifier
) -> None:
    header, payload = request(classifier, **message)
    assert error in header["error"]
    assert not payload


def test_a_camera_check_is_answered_by_its_frames(classifier: Classifier, frame: bytes) -> None:
    measures = [appearance.measure(classifier.load(frame))] * appearance.MINIMUM_PICTURES
    classifier = replace(classifier, appearance=appearance.summarise(measures))
    check = [base64.b64encode(frame).decode()] * camera_check.FRAMES
    header, payload = request(classifier, check=check)
    assert header["sentence"]
    assert [measure["name"] for measure in header["measures"]] == [
        "brightness",
        "warmth",
        "sharpness",
    ]
    assert header["unlike"] in (True, False)
    assert not payload


@pytest.mark.parametrize(
    "message",
    [
        None,
        "?",
        {},
        *(
            {"number": 1, "model": MODEL, **wrong}
            for wrong in (
                {"offset": -1},
                {"unknown": 1},
                {"part": "../model.json"},
                {"check": ["AAAA"] * (camera_check.FRAMES + 1)},
                {"check": "?"},
            )
        ),
    ],
)
def test_a_malformed_request_gets_no_response(message: object, classifier: Classifier) -> None:
    assert answer(message, MODEL, lambda: (classifier, {})) is None


def test_a_model_that_cannot_be_opened_is_a_refusal() -> None:
    def opened() -> tuple[Classifier, dict[str, Part]]:
        raise RunDamaged("Gone.")

    response = answer({"number": 5, "model": MODEL, "part": "head"}, MODEL, opened)
    assert response is not None and b"Gone." in response
