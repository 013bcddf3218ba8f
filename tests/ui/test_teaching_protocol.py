"""What the browser asks of a showing is done within its bounds, and nothing else is."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from core import capture as room
from core.capture import CaptureSession
from core.model.classifier import Classifier
from core.model.dense import DenseHead
from core.settings import Settings
from tests.shapes import draw, encoded
from ui.live_camera import teaching_protocol
from ui.live_camera.teaching_protocol import TOGETHER

MODEL = "what is shown"


@pytest.fixture(scope="module")
def network() -> Classifier:
    return room.network(Settings())


@pytest.fixture
def showing(network: Classifier) -> CaptureSession:
    return CaptureSession(network, Settings(shown_pictures=20))


def _frames(label: int, *seeds: int) -> list[str]:
    return [base64.b64encode(encoded(draw(label, seed, 160))).decode() for seed in seeds]


def _ask(
    network: Classifier, asked_of: CaptureSession, **asked: Any
) -> tuple[dict[str, Any], bytes]:
    question = {"number": 1, "model": MODEL, **asked}
    said = teaching_protocol.answer(question, MODEL, network, {}, asked_of)
    assert said is not None
    end = 4 + int.from_bytes(said[:4], "little")
    return json.loads(said[4:end]), said[end:]


def test_frames_become_pictures_and_the_head_comes_once(
    network: Classifier, showing: CaptureSession
) -> None:
    one, other = showing.classes
    header, head = _ask(
        network, showing, act="pictures", kind=one.id, burst=5, frames=_frames(0, 1, 2)
    )
    assert [len(each["pictures"]) for each in header["classes"]] == [2, 0]
    assert len(header["thumbnails"]) == 2
    assert (header["labels"], head) == ([], b"")
    known = max(map(int, header["thumbnails"]))
    header, head = _ask(
        network,
        showing,
        act="pictures",
        kind=other.id,
        burst=6,
        frames=_frames(1, 1, 2),
        known=known,
    )
    assert len(header["thumbnails"]) == 2, "only those that are new"
    assert header["labels"] == ["Class 1", "Class 2"]
    pictures = [p for each in showing.classes for p in each.pictures]
    found = DenseHead.from_arrays(load(head)).probabilities(
        np.stack([p.embedding for p in pictures])
    )
    assert found.argmax(axis=1).tolist() == [0, 0, 1, 1]
    header, head = _ask(network, showing, act="look", head=header["head"], known=1_000)
    assert (header["thumbnails"], head) == ({}, b"")


def test_pictures_and_classes_come_and_go(network: Classifier, showing: CaptureSession) -> None:
    one = showing.classes[0]
    _ask(network, showing, act="pictures", kind=one.id, frames=_frames(0, 1, 2))
    header, _ = _ask(network, showing, act="delete", picture=one.pictures[0].id)
    assert len(header["classes"][0]["pictures"]) == 1
    header, _ = _ask(network, showing, act="rename", kind=one.id, name="mug")
    assert header["classes"][0]["name"] == "mug"
    header, _ = _ask(network, showing, act="add class")
    assert [each["name"] for each in header["classes"]] == ["mug", "Class 2", "Class 1"]
    header, _ = _ask(network, showing, act="remove class", kind=one.id)
    assert [each["name"] for each in header["classes"]] == ["Class 2", "Class 1"]


def test_the_server_answers_frames_where_the_browser_cannot(
    network: Classifier, showing: CaptureSession
) -> None:
    frame = base64.b64encode(encoded(draw(0, 9, network.size))).decode()
    header, _ = _ask(network, showing, frame=frame)
    assert header["refusal"] == "Show two classes first."
    assert header["version"] == showing.version
    for label, one in enumerate(showing.classes):
        _ask(network, showing, act="pictures", kind=one.id, frames=_frames(label, 1, 2, 3))
    header, payload = _ask(network, showing, frame=frame)
    assert header["classes"] == 2
    assert (header["version"], header["head"]) == (showing.version, showing.fitted)
    showing.clear()
    header, _ = _ask(network, showing, part="labels")
    assert header["version"] == showing.version, "else the browser would not hear of it"
    assert np.frombuffer(payload, "<f4").argmax() == 0


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"act": "pictures", "kind": -5, "frames": _frames(0, 1)}, "no longer here"),
        ({"act": "rename", "kind": -5, "name": "x"}, "no longer here"),
        ({"act": "pictures", "frames": [base64.b64encode(b"?").decode()]}, "Not a picture"),
        ({"act": "pictures", "frames": _frames(0, *range(12)), "twice": True}, "SHOWN_PICTURES"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(
    asked: dict[str, Any], sentence: str, network: Classifier, showing: CaptureSession
) -> None:
    if asked.pop("twice", False):
        _ask(
            network,
            showing,
            act="pictures",
            kind=showing.classes[1].id,
            frames=_frames(1, *range(12)),
        )
    header, payload = _ask(network, showing, **{"kind": showing.classes[0].id, **asked})
    assert sentence in header["refusal"]
    assert not payload


@pytest.mark.parametrize(
    "asked",
    [
        None,
        {"act": "look"},
        {"number": 1, "model": MODEL, "act": "format the disk"},
        {"number": 1, "model": MODEL, "act": "pictures", "frames": ["AAAA"] * (TOGETHER + 1)},
        {"number": 1, "model": MODEL, "act": "pictures", "burst": -1},
    ],
)
def test_what_is_no_question_gets_no_answer(
    asked: object, network: Classifier, showing: CaptureSession
) -> None:
    version = showing.version
    assert teaching_protocol.answer(asked, MODEL, network, {}, showing) is None
    assert showing.version == version


def test_the_browser_is_told_of_changes_that_it_did_not_ask_for(showing: CaptureSession) -> None:
    said = teaching_protocol.news(showing)
    header = json.loads(said[4:])
    assert header == {"number": -1, "showing": showing.id, "version": showing.version}


def test_an_act_that_is_asked_for_again_is_done_once(
    network: Classifier, showing: CaptureSession
) -> None:
    for number in (1, 2):
        header, _ = _ask(network, showing, number=number, act="add class", deed=7)
        assert (header["number"], len(header["classes"])) == (number, 3)
    header, _ = _ask(network, showing, act="add class", deed=8)
    assert len(header["classes"]) == 4


def test_what_is_meant_for_an_earlier_visit_is_not_done_to_this_one(
    network: Classifier, showing: CaptureSession
) -> None:
    before = CaptureSession(network, Settings()).id
    kind = showing.classes[0].id
    header, _ = _ask(network, showing, act="rename", kind=kind, name="mug", showing=before)
    assert "no longer here" in header["refusal"]
    assert showing.classes[0].name == "Class 1"
    header, _ = _ask(network, showing, act="look", showing=before)
    assert "no longer here" in header["lost"]
    header, _ = _ask(network, showing, act="look", showing=showing.id)
    assert not header["lost"]
