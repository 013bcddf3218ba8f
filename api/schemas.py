"""The JSON that the API returns. The OpenAPI description is generated from these types."""

from typing import Literal

from pydantic import BaseModel, Field
from starlette.responses import Response

from core.model.decision import Verdict


class Schema(BaseModel, frozen=True, extra="forbid"):
    """Base of all schemas."""


class Error(Schema):
    """Why a request failed."""

    error: str = Field(description="What was expected, what was found, and what to do.")


class Prediction(Schema):
    """A class with its probability."""

    label: str
    index: int = Field(description="Index of the class in the model, from 0.")
    probability: float = Field(description="0 to 1; the probabilities of all classes sum to 1.")


class Heatmap(Schema):
    """Where the model sees evidence for its first prediction, as numbers for the client to draw."""

    index: int = Field(description="Index of the class that the heat map is about.")
    crop: float = Field(
        description="The heat map covers the centre square with this share of the shorter edge."
    )
    rows: list[list[int]] = Field(
        description="Rows from top to bottom, values from left to right: 0 (no evidence) to 255."
    )


class PredictionSet(Schema):
    """Classes one of which is right, the most probable first."""

    level: float = Field(
        description="Share of pictures whose set, of one class or several, has the right class."
    )
    labels: list[str]


class PictureResult(Schema):
    """The predictions for a picture."""

    file: str = Field(description="Name of the uploaded file.")
    predictions: list[Prediction] = Field(description="The most probable class first.")
    verdict: Verdict
    prediction_set: PredictionSet | None = Field(
        description="Null if one class alone is likely enough, if the model offers no prediction "
        "sets, or if the picture is not like the training pictures."
    )
    notes: list[str] = Field(
        description="What to know about the picture, such as that the file has more frames."
    )
    milliseconds: float = Field(description="Inference time.")
    heatmap: Heatmap | None = Field(
        description="Null if it was not requested, or if the model has none."
    )


class PictureError(Schema):
    """A picture that could not be read."""

    file: str = Field(description="Name of the uploaded file.")
    error: str = Field(description="What is wrong with the picture, and what to do.")


class PredictResponse(Schema):
    """One result per picture, in the order of the request."""

    model: str = Field(description="Name or id of the model.")
    pictures: list[PictureResult | PictureError]


class ModelInfo(Schema):
    """A model that can predict."""

    name: str = Field(
        description="Value of the parameter `model`: the name of a backbone, or the id of a run or "
        "of an imported model."
    )
    title: str
    kind: Literal["backbone", "run", "brought"] = Field(
        description="`brought` is an imported model."
    )
    classes: int = Field(description="Number of classes.")


class ModelsResponse(Schema):
    """The models that can predict."""

    default: str = Field(description="The model that is used if a request names none.")
    models: list[ModelInfo]


class Health(Schema):
    """The API is up."""

    status: Literal["ok"] = "ok"


def respond(
    content: Schema | str, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A JSON response that is never cached and never interpreted as another type.

    Args:
        content: an object, or JSON text.
    """
    text = content if isinstance(content, str) else content.model_dump_json()
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(text, status, fixed | (headers or {}), "application/json")
