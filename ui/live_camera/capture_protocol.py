"""Requests of the browser to a capture session, and their responses."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, Field, ValidationError
from safetensors.numpy import save

from core.capture.session import CaptureSession
from core.errors import BadDataset, TuskerError
from core.live.parts import Part
from core.model.classifier import Classifier
from ui.live_camera.protocol import Request, packed, respond

BATCH = 12
"""Most frames in a request."""
FRAME_CHARACTERS = 700_000
LOST = (
    "Your captured pictures are gone: the connection was lost for too long, or the server was "
    "restarted. Capture them again."
)


class CaptureRequest(Request):
    """A request about the model as it is trained now, or an action that changes the session.

    Attributes:
        action: `refresh` changes nothing; the browser only wants the state of the session.
        class_id: the class that the action is about.
        burst: number that frames captured in one go share.
        picture: id of the picture to delete.
        name: new name of the class.
        last_picture: id of the last picture whose thumbnail the browser has.
        head_version: version of the head that the browser has.
        session: id of the session that the browser shows; empty before its first response.
        action_number: number of the action. A request that is repeated after a timeout has the
            same number and changes nothing more.
    """

    action: (
        Literal["refresh", "add pictures", "delete", "add class", "rename", "remove class"] | None
    ) = None
    class_id: int = 0
    burst: int = Field(0, ge=0, le=2**53)
    frames: tuple[Annotated[Base64Bytes, Field(max_length=FRAME_CHARACTERS)], ...] = Field(
        (), max_length=BATCH
    )
    picture: int = 0
    name: str = Field("", max_length=1_000)
    last_picture: int = 0
    head_version: int = -1
    session: str = Field("", max_length=40)
    action_number: int = 0


def answer(
    message: object,
    model: str,
    network: Classifier,
    parts: Mapping[str, Part],
    session: CaptureSession,
) -> bytes | None:
    """Answer a request, or refuse it in a sentence.

    Returns:
        As `protocol.answer`, with the session's id and version in the header. The prediction of a
        frame also has the version of its head. After an action, the header has the state of the
        session, and the payload is the head as safetensors if the browser has another one.
    """
    try:
        request = CaptureRequest.model_validate(message)
    except ValidationError:
        return None
    try:
        header, payload = _respond(request, model, network, parts, session)
    except TuskerError as error:
        header, payload = {"error": str(error)}, b""
    return packed({"number": request.number, **_version(session), **header}, payload)


def change_notice(session: CaptureSession) -> bytes:
    """Tell the browser the session's version without a request."""
    return packed({"number": -1, **_version(session)})


def _version(session: CaptureSession) -> dict[str, Any]:
    return {"session": session.id, "version": session.version}


def _respond(
    request: CaptureRequest,
    model: str,
    network: Classifier,
    parts: Mapping[str, Part],
    session: CaptureSession,
) -> tuple[dict[str, Any], bytes]:
    if request.action is not None:
        _act(request, session)
        return _state(request, session)
    if request.frame is None or request.model != model:
        return respond(request, network, parts)
    classifier = session.classifier()
    if classifier is None:
        raise BadDataset("Capture pictures of two classes first.")
    header, payload = respond(request, classifier, parts)
    return header | {"head_version": session.fitted_version}, payload


def _act(request: CaptureRequest, session: CaptureSession) -> None:
    if request.action == "refresh":
        return
    if request.session not in ("", session.id):
        raise BadDataset(LOST)
    if not session.is_new_request(request.action_number):
        return
    match request.action:
        case "add pictures":
            session.add(request.class_id, request.frames, request.burst)
        case "delete":
            session.remove(request.picture)
        case "add class":
            session.add_class()
        case "rename":
            session.rename(request.class_id, request.name)
        case "remove class":
            session.remove_class(request.class_id)


def _state(request: CaptureRequest, session: CaptureSession) -> tuple[dict[str, Any], bytes]:
    trained = session.fitted_head()
    pictures = [picture for cls in session.classes for picture in cls.pictures]
    header = {
        "lost": LOST if request.session not in ("", session.id) else "",
        "near_duplicates": session.near_duplicates,
        "classes": [
            {"id": cls.id, "name": cls.name, "pictures": [p.id for p in cls.pictures]}
            for cls in session.classes
        ],
        "thumbnails": {
            picture.id: base64.b64encode(picture.thumbnail).decode()
            for picture in pictures
            if picture.id > request.last_picture
        },
        "labels": [cls.name for cls in session.nonempty_classes] if trained else [],
        "correct": trained and trained.correct,
        "evaluated": trained.total if trained else 0,
        "head_version": session.fitted_version,
    }
    if trained is None or request.head_version == session.fitted_version:
        return header, b""
    return header, save(trained.head.arrays())
