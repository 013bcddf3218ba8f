"""The OpenAPI description of the endpoint, made of the types that it answers with."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import question
from api.answers import Health, Models, Predicted, Refusal
from core.settings import Settings

Json = dict[str, Any]

PARAMETERS: dict[str, Json] = {
    "model": {
        "type": "string",
        "default": question.Parameters.model,
        "description": "A backbone's name, or the id of a run or of a brought model.",
    },
    "top": {
        "type": "integer",
        "minimum": 1,
        "maximum": question.MOST,
        "default": question.Parameters.top,
        "description": "How many answers a picture.",
    },
    "heatmap": {
        "type": "boolean",
        "default": question.Parameters.heatmap,
        "description": "Whether to say where in the picture the evidence for the first answer is.",
    },
}
REFUSALS = {
    400: "The body is not what its Content-Type says.",
    401: "The token is missing or wrong.",
    404: "No model is called that, or it has not been prepared.",
    408: "The request took too long to arrive.",
    409: "The run is not complete, or damaged.",
    413: "More than this host takes in one request.",
    415: "Neither a form nor a picture.",
    422: "A parameter is out of its range, or there are no pictures, too many, or none to be read.",
    429: "Too many requests; Retry-After says how many seconds to wait.",
}


def describe(settings: Settings) -> str:
    """The description, for a host with these settings, as JSON."""
    kinds: list[tuple[type[BaseModel], Any]] = [
        (kind, "serialization") for kind in (Predicted, Models, Health, Refusal)
    ]
    _, schemas = models_json_schema(kinds, ref_template="#/components/schemas/{model}")
    guarded: list[Json] = [{"token": []}] if settings.api_token else []
    components: Json = {"schemas": schemas["$defs"]}
    if guarded:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    always = (401, 429) if guarded else (429,)
    asking = tuple(code for code in REFUSALS if guarded or code != 401)
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Tusker",
                "version": "1",
                "summary": "Name what is in a picture.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "paths": {
                "/api/predict": {"post": _predict(settings, asking) | {"security": guarded}},
                "/api/models": {
                    "get": {
                        "operationId": "models",
                        "summary": "Models that can be asked; on a public host what is for all.",
                        "security": guarded,
                        "responses": _responses("Models", always),
                    }
                },
                "/api/openapi.json": {
                    "get": {
                        "operationId": "description",
                        "summary": "This description.",
                        "security": [],
                        "responses": {
                            "200": {
                                "description": "OpenAPI 3.1.",
                                "content": {"application/json": {"schema": {"type": "object"}}},
                            },
                            **_refusals((429,)),
                        },
                    }
                },
                "/api/health": {
                    "get": {
                        "operationId": "health",
                        "summary": "Whether the endpoint is there.",
                        "security": [],
                        "responses": _responses("Health", ()),
                    }
                },
            },
            "components": components,
        }
    )


def _predict(settings: Settings, refusals: tuple[int, ...]) -> Json:
    picture = {"type": "string", "format": "binary", "contentMediaType": "image/*"}
    form = {
        "type": "object",
        "required": [question.FIELD],
        "additionalProperties": False,
        "properties": {
            question.FIELD: {
                "type": "array",
                "items": picture,
                "minItems": 1,
                "maxItems": settings.predict_pictures,
                "description": "One part with a file name for each picture.",
            },
            **PARAMETERS,
        },
    }
    return {
        "operationId": "predict",
        "summary": "Name what is in each picture.",
        "description": (
            f"At most {settings.predict_pictures} pictures and {settings.api_megabytes} MB in a "
            f"request, and {settings.api_requests_per_minute} requests a minute. A parameter may "
            "stand in the address or in the form, whose word is the last. A picture that cannot be "
            "read gets its own error; where none can be, the answer is 422."
        ),
        "parameters": [
            {
                "name": name,
                "in": "query",
                "description": schema["description"],
                "schema": {key: value for key, value in schema.items() if key != "description"},
            }
            for name, schema in PARAMETERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "image/*": {"schema": picture},
            },
        },
        "responses": _responses("Predicted", refusals),
    }


def _responses(schema: str, refusals: tuple[int, ...]) -> Json:
    return {"200": _answer("The answer.", schema), **_refusals(refusals)}


def _refusals(codes: tuple[int, ...]) -> Json:
    return {str(code): _answer(REFUSALS[code], "Refusal") for code in codes}


def _answer(description: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}
