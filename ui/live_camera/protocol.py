"""Requests of a live view in the browser, and their responses."""

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from core.errors import TuskerError
from core.live import camera_check
from core.live.parts import Part
from core.model.classifier import Classifier

PIECE = 1024 * 1024
"""Bytes of a part in one response: small enough for a progress bar and for a slow connection."""
FRAME_CHARACTERS = 4_000_000
Frame = Annotated[Base64Bytes, Field(max_length=FRAME_CHARACTERS)]


class Request(BaseModel):
    """Asks for a piece of a part, for the prediction of a frame, or for a camera check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    model: str = Field(max_length=80)
    part: Literal["labels", "head", "trunk"] | None = None
    offset: int = Field(0, ge=0)
    frame: Frame | None = None
    explain: int | None = Field(None, ge=0)
    check: tuple[Frame, ...] | None = Field(None, max_length=camera_check.FRAMES)


def answer(
    message: object, model: str, opened: Callable[[], tuple[Classifier, Mapping[str, Part]]]
) -> bytes | None:
    """Answer a request, or refuse it in a sentence.

    Args:
        model: id of the model on the page; requests about another one come too late.
        opened: returns the model and its parts, or refuses in a TuskerError.

    Returns:
        The response as `packed` makes it; None if the message is no request.
    """
    try:
        request = Request.model_validate(message)
    except ValidationError:
        return None
    try:
        if request.model != model:
            raise TuskerError("The page shows another model now.")
        header, payload = respond(request, *opened())
    except TuskerError as error:
        header, payload = {"error": str(error)}, b""
    return packed({"number": request.number, **header}, payload)


def respond(
    request: Request, classifier: Classifier, parts: Mapping[str, Part]
) -> tuple[dict[str, Any], bytes]:
    """Header and payload of a response.

    The payload is a piece of a part, or float32 probabilities followed by the heat map. A camera
    check has only a header.

    Raises:
        TuskerError: the request is refused.
    """
    if request.check is not None:
        return dataclasses.asdict(camera_check.check(classifier, request.check)), b""
    if request.frame is None:
        part = parts.get(request.part or "")
        content = part.content if part else b""
        return {}, content[request.offset : request.offset + PIECE]
    prediction = classifier.answer(classifier.load_frame(request.frame))
    values = [prediction.probabilities]
    if heat := request.explain is not None and request.explain < len(classifier.labels):
        values.append(classifier.heatmaps(prediction, [request.explain])[0].ravel())
    header = {
        "classes": len(prediction.probabilities),
        "ood_score": prediction.ood_score,
        "heat": heat,
    }
    return header, np.concatenate(values).astype("<f4").tobytes()


def packed(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """The header's length as uint32, the header as JSON, and the payload.

    They are one value, since the data of a component may hold bytes only as a whole.
    """
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + payload
