"""What the endpoint says, and how it becomes JSON; the description is made of the same types."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from core.model.classifier import Verdict


class Part(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Refusal(Part):
    """Why a request was not met."""

    error: str = Field(description="What was expected, what was found, what to do.")


class Guess(Part):
    """A class with its probability."""

    label: str
    index: int = Field(description="Of the class among those of the model, from 0.")
    probability: float = Field(description="0 to 1; those of all classes add up to 1.")


class Heatmap(Part):
    """Where the model saw evidence for its first prediction.

    Numbers in place of a picture: few, exact, and for the client to colour and to size.
    """

    index: int = Field(description="Of the class that it is about.")
    crop: float = Field(
        description="It covers the centre square whose edge is this part of the shorter edge."
    )
    rows: list[list[int]] = Field(
        description="From the top, each from the left; 0 is no evidence, 255 the most there is."
    )


class Answered(Part):
    """What the model says of a picture."""

    file: str = Field(description="The name that it was sent with.")
    predictions: list[Guess] = Field(description="The likeliest first.")
    verdict: Verdict
    milliseconds: float = Field(description="Time that the model took.")
    heatmap: Heatmap | None = Field(
        description="Null if not asked for, or if the model cannot give one."
    )


class Unread(Part):
    """A picture that could not be read."""

    file: str = Field(description="The name that it was sent with.")
    error: str = Field(description="What is wrong with it, and what to do.")


class Predicted(Part):
    """An answer for each picture, in the order they were sent."""

    model: str = Field(description="Name or id of the model that answered.")
    pictures: list[Answered | Unread]


class Model(Part):
    """A model that can be asked."""

    name: str = Field(
        description="What to ask for: a backbone's name, or the id of a run or of a brought model."
    )
    title: str
    kind: Literal["backbone", "run", "brought"]
    classes: int = Field(description="How many it tells apart.")


class Models(Part):
    """Models that can be asked."""

    default: str = Field(description="The one that answers where none is named.")
    models: list[Model]


class Health(Part):
    """That it is there."""

    status: Literal["ok"] = "ok"


def respond(answer: Part, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer as JSON that no cache keeps and no browser takes for anything else."""
    return json(answer.model_dump_json(), status, headers)


def json(content: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that has been written already, as an answer."""
    given = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | (headers or {})
    return Response(content, status, given, "application/json")
