"""Requests of the browser to a capture session are done within their bounds."""

import base64
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load

from core.capture.session import CaptureSession, open_network
from core.model.classifier import Classifier
from core.model.dense import DenseHead
from core.settings import Settings
from tests.shapes import draw, encoded
from ui.live_camera import capture_protocol
from ui.live_camera.capture_protocol import BATCH

MODEL = "capture"
GONE = "no longer here"

Request = Callable[..., tuple[dict[str, Any], bytes]]


@pytest.fixture(scope="module")
def network() -> Classifier:
    return open_network(Settings())


@pytest.fixture
def session(network: Classifier) -> CaptureSession:
    return CaptureSession(network, Settings(captured_pictures=20))


@pytest.fixture
def request_(network: Classifier, session: CaptureSession) -> Request:
    """`request_(action="refresh", …)`: header and payload of the response."""

    def ask(**message: Any) -> tuple[dict[str, Any], bytes]:
        message = {"number": 1, "model": MODEL, **message}
        response = capture_protocol.answer(message, MODEL, network, {}, session)
        assert response is not None
        end = 4 + int.from_bytes(response[:4], "little")
        return json.loads(response[4:end]), response[end:]

    return ask


def _frames(label: int, *seeds: int) -> list[str]:
    return [base64.b64encode(encoded(draw(label, seed, 160))).decode() for seed in seeds]


def _names(header: dict[str, Any]) -> list[str]:
    return [captured_class["name"] for captured_class in header["classes"]]


def test_frames_become_pictures_and_the_head_comes_once(
    request_: Request, session: CaptureSession
) -> None:
    first, second = (captured_class.id for captured_class in session.classes)
    add = {"action": "add pictures"}
    header, head = request_(**add, class_id=first, burst=5, frames=_frames(0, 1, 2))
    assert [len(captured_class["pictures"]) for captured_class in header["classes"]] == [2, 0]
    assert len(header["thumbnails"]) == 2
    assert (header["labels"], head) == ([], b"")
    last = max(map(int, header["thumbnails"]))
    frames = _frames(1, 1, 2)
    header, head = request_(**add, class_id=second, burst=6, frames=frames, last_picture=last)
    assert len(header["thumbnails"]) == 2, "only new ones"
    assert header["labels"] == ["Class 1", "Class 2"]
    embeddings = np.stack(
        [p.embedding for captured_class in session.classes for p in captured_class.pictures]
    )
    probabilities = DenseHead.from_arrays(load(head)).probabilities(embeddings)
    assert probabilities.argmax(axis=1).tolist() == [0, 0, 1, 1]
    header, head = request_(
        action="refresh", head_version=header["head_version"], last_picture=1_000
    )
    assert (header["thumbnails"], head) == ({}, b"")


def test_pictures_and_classes_come_and_go(request_: Request, session: CaptureSession) -> None:
    first = session.classes[0]
    request_(action="add pictures", class_id=first.id, frames=_frames(0, 1, 2))
    header, _ = request_(action="delete", picture=first.pictures[0].id)
    assert len(header["classes"][0]["pictures"]) == 1
    assert _names(request_(action="rename", class_id=first.id, name="mug")[0])[0] == "mug"
    header, _ = request_(action="add class")
    assert _names(header) == ["mug", "Class 2", "Class 1"]
    header, _ = request_(action="remove class", class_id=first.id)
    assert _names(header) == ["Class 2", "Class 1"]


def test_the_server_predicts_frames_where_the_browser_cannot(
    network: Classifier, request_: Request, session: CaptureSession
) -> None:
    frame = base64.b64encode(encoded(draw(0, 9, network.size))).decode()
    header, _ = request_(frame=frame)
    assert "two classes" in header["error"]
    assert header["version"] == session.version
    for label, captured_class in enumerate(session.classes):
        request_(action="add pictures", class_id=captured_class.id, frames=_frames(label, 1, 2, 3))
    header, payload = request_(frame=frame)
    assert header["classes"] == 2
    assert (header["version"], header["head_version"]) == (session.version, session.fitted_version)
    assert np.frombuffer(payload, "<f4").argmax() == 0
    session.clear()
    header, _ = request_(part="labels")
    assert header["version"] == session.version, "each response tells of changes"


@pytest.mark.parametrize(
    ("class_id", "frame", "error"), [(-5, _frames(0, 1), GONE), (1, ["Pw=="], "Not a picture")]
)
def test_an_action_that_is_impossible_is_refused_in_a_sentence(
    class_id: int, frame: list[str], error: str, request_: Request, session: CaptureSession
) -> None:
    class_id = session.classes[0].id if class_id > 0 else class_id
    header, payload = request_(action="add pictures", class_id=class_id, frames=frame)
    assert error in header["error"]
    assert not payload


@pytest.mark.parametrize(
    "message",
    [
        None,
        {"action": "refresh"},
        {"number": 1, "model": MODEL, "action": "format the disk"},
        {"number": 1, "model": MODEL, "action": "add pictures", "frames": ["AAAA"] * (BATCH + 1)},
        {"number": 1, "model": MODEL, "action": "add pictures", "burst": -1},
    ],
)
def test_a_malformed_request_gets_no_response(
    message: object, network: Classifier, session: CaptureSession
) -> None:
    version = session.version
    assert capture_protocol.answer(message, MODEL, network, {}, session) is None
    assert session.version == version


def test_the_browser_is_told_of_changes_that_it_did_not_request(session: CaptureSession) -> None:
    notice = json.loads(capture_protocol.change_notice(session)[4:])
    assert notice == {"number": -1, "session": session.id, "version": session.version}


def test_a_repeated_action_is_done_once(request_: Request) -> None:
    for action_number, classes in ((7, 3), (7, 3), (8, 4)):
        header, _ = request_(action="add class", action_number=action_number)
        assert len(header["classes"]) == classes


def test_an_action_for_an_earlier_session_is_not_done_to_this_one(
    network: Classifier, request_: Request, session: CaptureSession
) -> None:
    earlier = CaptureSession(network, Settings()).id
    first = session.classes[0]
    header, _ = request_(action="rename", class_id=first.id, name="mug", session=earlier)
    assert header["error"] == capture_protocol.LOST
    assert first.name == "Class 1"
    assert request_(action="refresh", session=earlier)[0]["lost"] == capture_protocol.LOST
    assert not request_(action="refresh", session=session.id)[0]["lost"]
