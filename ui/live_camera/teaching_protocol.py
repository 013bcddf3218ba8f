"""What the browser tells a showing, and what it is told in return."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, Field, ValidationError
from safetensors.numpy import save

from core.capture import CaptureSession
from core.errors import BadDataset, TuskerError
from core.live import Part
from core.model.classifier import Classifier
from ui.live_camera.protocol import Question, packed, respond

TOGETHER = 12
"""Most frames at once."""
LONGEST = 700_000
"""Characters of one."""
FORGOTTEN = (
    "What you showed is no longer here: the connection was lost for long, or the server was "
    "started anew. Show it again."
)


class Lesson(Question):
    """A question about the model as it is now, or a change to what it is taught.

    Attributes:
        act: `look` changes nothing; `pictures` brings frames of a class.
        kind: id of the class that it is about.
        burst: what frames taken in one go share.
        picture: id of the one to delete.
        known: id of the last picture whose thumbnail the browser has.
        head: version of the head that it has.
        showing: id of the showing that it is about; empty while the browser has yet to hear it.
        deed: number of the act. An act that is asked for again, as its answer was late, has the
            same.
    """

    act: Literal["look", "pictures", "delete", "add class", "rename", "remove class"] | None = None
    kind: int = 0
    burst: int = Field(0, ge=0, le=2**53)
    frames: tuple[Annotated[Base64Bytes, Field(max_length=LONGEST)], ...] = Field(
        (), max_length=TOGETHER
    )
    picture: int = 0
    name: str = Field("", max_length=1_000)
    known: int = 0
    head: int = -1
    showing: str = Field("", max_length=40)
    deed: int = 0


def answer(
    asked: object,
    model: str,
    network: Classifier,
    parts: Mapping[str, Part],
    showing: CaptureSession,
) -> bytes | None:
    """Do what the browser asks, or refuse it in a sentence.

    Returns:
        As `questions.answer`, with the id and version of the showing in each header, and beside
        what a frame shows the version of the head that says so. After an act, the header has the
        state of the showing, and the bytes are the head as safetensors, if the browser has another
        one.
    """
    try:
        lesson = Lesson.model_validate(asked)
    except ValidationError:
        return None
    try:
        if lesson.act is not None:
            _do(lesson, showing)
            return _state(lesson, showing)
        if lesson.frame is None or lesson.model != model:
            return respond(lesson, network, parts, **_named(showing))
        taught = showing.classifier()
        if taught is None:
            return refused(lesson, showing, "Show two classes first.")
        return respond(lesson, taught, parts, **_named(showing), head=showing.fitted)
    except TuskerError as refusal:
        return refused(lesson, showing, str(refusal))


def refused(lesson: Lesson, showing: CaptureSession, sentence: str) -> bytes:
    """A refusal of one question."""
    return packed({"number": lesson.number, **_named(showing), "refusal": sentence})


def news(showing: CaptureSession) -> bytes:
    """Tells the browser that something changed which it did not ask for."""
    return packed({"number": -1, **_named(showing)})


def _named(showing: CaptureSession) -> dict[str, Any]:
    return {"showing": showing.id, "version": showing.version}


def _do(lesson: Lesson, showing: CaptureSession) -> None:
    if lesson.act == "look":
        return
    if lesson.showing not in ("", showing.id):
        raise BadDataset(FORGOTTEN)
    if not showing.first(lesson.deed):
        return
    match lesson.act:
        case "pictures":
            showing.add(lesson.kind, lesson.frames, lesson.burst)
        case "delete":
            showing.remove(lesson.picture)
        case "add class":
            showing.add_class()
        case "rename":
            showing.rename(lesson.kind, lesson.name)
        case "remove class":
            showing.remove_class(lesson.kind)


def _state(lesson: Lesson, showing: CaptureSession) -> bytes:
    learned = showing.learned()
    header: dict[str, Any] = {
        "number": lesson.number,
        **_named(showing),
        "lost": FORGOTTEN if lesson.showing not in ("", showing.id) else "",
        "alike": showing.alike,
        "classes": [
            {"id": one.id, "name": one.name, "pictures": [p.id for p in one.pictures]}
            for one in showing.classes
        ],
        "thumbnails": {
            p.id: base64.b64encode(p.thumbnail).decode()
            for one in showing.classes
            for p in one.pictures
            if p.id > lesson.known
        },
        "labels": [one.name for one in showing.shown] if learned else [],
        "right": learned and learned.correct,
        "asked": learned.total if learned else 0,
    }
    if learned is None or lesson.head == showing.fitted:
        return packed({**header, "head": showing.fitted})
    return packed({**header, "head": showing.fitted}, save(learned.head.arrays()))
