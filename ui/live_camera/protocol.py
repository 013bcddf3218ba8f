"""What the browser asks of a live view, and how it is answered: one question, one answer."""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from core import live
from core.errors import TuskerError
from core.live import Part
from core.model.classifier import Classifier

PIECE = 1024 * 1024
"""Bytes of a part that go out at once; small enough for a progress bar and for a slow line."""
LONGEST = 4_000_000
"""Characters of a frame."""
Frame = Annotated[Base64Bytes, Field(max_length=LONGEST)]


class Question(BaseModel):
    """A piece of a part, what a frame shows, or what to make of the camera by some frames."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    model: str = Field(max_length=80)
    part: Literal["labels", "head", "trunk"] | None = None
    at: int = Field(0, ge=0)
    frame: Frame | None = None
    explain: int | None = Field(None, ge=0)
    check: tuple[Frame, ...] | None = Field(None, max_length=live.FRAMES)


def answer(
    asked: object, model: str, classifier: Classifier, parts: Mapping[str, Part]
) -> bytes | None:
    """Answer a question, or refuse it in a sentence.

    Args:
        asked: as the browser sent it.
        model: name of the model on the page; a question about another one is too late.

    Returns:
        The length of a header, the header as JSON, and bytes: a piece of a part, or float32
        probabilities and after them the heat map, or none for a camera check, whose header says
        all. None where nobody could read an answer.
    """
    try:
        question = Question.model_validate(asked)
    except ValidationError:
        return None
    if question.model != model:
        return packed({"number": question.number, "refusal": "The page shows another model now."})
    return respond(question, classifier, parts)


def respond(
    question: Question, classifier: Classifier, parts: Mapping[str, Part], **more: int | str
) -> bytes:
    """Answer a question about this model; returns what `answer` does, with more in the header."""
    header: dict[str, Any] = {"number": question.number, **more}
    if question.check is not None:
        return _checked(header, classifier, question.check)
    if question.frame is None:
        part = parts.get(question.part or "")
        content = part.content if part is not None else b""
        return packed(header, content[question.at : question.at + PIECE])
    try:
        seen = live.answer(classifier, question.frame, question.explain)
    except TuskerError as refusal:
        return packed({**header, "refusal": str(refusal)})
    values = [seen.probabilities] if seen.heat is None else [seen.probabilities, seen.heat.ravel()]
    said = {
        "classes": len(seen.probabilities),
        "strangeness": seen.ood_score,
        "heat": seen.heat is not None,
    }
    return packed({**header, **said}, np.concatenate(values).astype("<f4").tobytes())


def _checked(header: Mapping[str, Any], classifier: Classifier, frames: tuple[bytes, ...]) -> bytes:
    try:
        found = live.check(classifier, frames)
    except TuskerError as refusal:
        return packed({**header, "refusal": str(refusal)})
    return packed({**header, **dataclasses.asdict(found)})


def packed(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """A header and bytes as one value: a component's data takes bytes only as a whole."""
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + payload
