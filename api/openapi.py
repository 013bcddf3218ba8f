"""The OpenAPI description of the API, generated from the schemas and the settings."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api import parsing
from api.schemas import Error, Health, ModelsResponse, PredictResponse
from core.settings import Settings

Json = dict[str, Any]

PARAMETERS: dict[str, Json] = parsing.Parameters.model_json_schema()["properties"]
ERRORS = {
    400: "The body does not match its Content-Type.",
    401: "The token is missing or wrong.",
    404: "There is no such model, or the backbone is not prepared.",
    408: "The request took too long to arrive.",
    409: "The run is incomplete or damaged.",
    413: "The request is larger than this host allows.",
    415: "The Content-Type is neither a form nor a picture.",
    422: "A parameter is invalid, or there are no pictures, too many, or none that can be read.",
    429: "Too many requests; Retry-After is the number of seconds to wait.",
}


def describe(settings: Settings) -> str:
    """The description of the API of a host with these settings, as JSON."""
    returned: list[tuple[type[BaseModel], Any]] = [
        (model, "serialization") for model in (PredictResponse, ModelsResponse, Health, Error)
    ]
    _, schemas = models_json_schema(returned, ref_template="#/components/schemas/{model}")
    components: Json = {"schemas": schemas["$defs"]}
    security: list[Json] = []
    codes = [code for code in ERRORS if code != 401]
    access_codes = [429]
    if settings.api_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        security, codes, access_codes = [{"token": []}], [*ERRORS], [401, 429]
    this = _content({"type": "object"})
    predict = _predict(settings) | {
        "security": security,
        "responses": _responses("PredictResponse", codes),
    }
    models = _get(
        "models",
        "List the models; on a public host those that are published.",
        security,
        _responses("ModelsResponse", access_codes),
    )
    description = _get(
        "description",
        "This description.",
        [],
        {"200": {"description": "OpenAPI 3.1."} | this} | _errors([429]),
    )
    health = _get("health", "Whether the API is up.", [], _responses("Health", []))
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Tusker",
                "version": "1",
                "summary": "Classify pictures.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "paths": {
                "/api/predict": {"post": predict},
                "/api/models": {"get": models},
                "/api/openapi.json": {"get": description},
                "/api/health": {"get": health},
            },
            "components": components,
        }
    )


def _get(operation: str, summary: str, security: list[Json], responses: Json) -> Json:
    return {
        "operationId": operation,
        "summary": summary,
        "security": security,
        "responses": responses,
    }


def _predict(settings: Settings) -> Json:
    picture = {"type": "string", "format": "binary", "contentMediaType": "image/*"}
    form = {
        "type": "object",
        "required": [parsing.FIELD],
        "additionalProperties": False,
        "properties": {
            parsing.FIELD: {
                "type": "array",
                "items": picture,
                "minItems": 1,
                "maxItems": settings.predict_pictures,
                "description": "One part with a file name per picture.",
            },
            **PARAMETERS,
        },
    }
    return {
        "operationId": "predict",
        "summary": "Predict the class of each picture.",
        "description": (
            f"At most {settings.predict_pictures} pictures and {settings.api_megabytes} MB per "
            f"request, and {settings.api_requests_per_minute} requests per minute. Parameters go "
            "into the query or the form; the form takes precedence. A picture that cannot be read "
            "gets an error of its own; if no picture can be read, the status is 422."
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
    }


def _responses(schema: str, errors: list[int]) -> Json:
    return {"200": {"description": "Success."} | _schema(schema)} | _errors(errors)


def _errors(codes: list[int]) -> Json:
    return {str(code): {"description": ERRORS[code]} | _schema("Error") for code in codes}


def _schema(name: str) -> Json:
    return _content({"$ref": f"#/components/schemas/{name}"})


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}
