"""The OpenAPI description of the API, generated from the schemas and the settings."""

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
    421: "The Host header names another machine; a personal host answers only to its own names.",
    422: "A parameter is invalid, or there are no pictures, too many, or none that can be read.",
    429: "Too many requests; Retry-After is the number of seconds to wait.",
    500: "A bug; the host's log has the details.",
    503: "Not enough memory or disk.",
}


def describe(settings: Settings) -> str:
    """The description of the API of a host with these settings, as JSON."""
    returned: list[tuple[type[BaseModel], Any]] = [
        (model, "serialization") for model in (PredictResponse, ModelsResponse, Health, Error)
    ]
    _, schemas = models_json_schema(returned, ref_template="#/components/schemas/{model}")
    components: Json = {"schemas": schemas["$defs"]}
    secured: Json = {"security": []}
    codes = [*ERRORS]
    if settings.api_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        secured["security"] = [{"token": []}]
    else:
        codes.remove(401)
    if settings.mode != "personal":
        codes.remove(421)
    access = [code for code in codes if code in (401, 421, 429, 500)]
    without_token = [code for code in access if code != 401]
    without_limit = [code for code in without_token if code == 421]
    description, health = "This description.", "Whether the API is up."
    predict = _operation("predict", "Predict the class of each picture.", "PredictResponse", codes)
    listing = "List the models; on a public host those that are published."
    models = _operation("models", listing, "ModelsResponse", access)
    paths = {
        "/api/predict": {"post": predict | secured | _input(settings)},
        "/api/models": {"get": models | secured},
        "/api/openapi.json": {"get": _operation("description", description, "", without_token)},
        "/api/health": {"get": _operation("health", health, "Health", without_limit)},
    }
    info = {
        "title": "Tusker",
        "version": "1",
        "summary": "Classify pictures.",
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    return json.dumps({"openapi": "3.1.0", "info": info, "paths": paths, "components": components})


def _operation(name: str, summary: str, schema: str, errors: list[int]) -> Json:
    """An operation that needs no token and returns a schema, or any object if that is empty."""
    responses = {200: _response("Success.", schema)}
    responses |= {code: _response(ERRORS[code], "Error") for code in errors}
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def _response(description: str, schema: str) -> Json:
    content = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {"description": description, "content": {"application/json": {"schema": content}}}


def _input(settings: Settings) -> Json:
    picture = {"type": "string", "format": "binary", "contentMediaType": "image/*"}
    pictures = {
        "type": "array",
        "items": picture,
        "minItems": 1,
        "maxItems": settings.predict_pictures,
        "description": "One part with a file name per picture.",
    }
    form = {
        "type": "object",
        "required": [parsing.FIELD],
        "additionalProperties": False,
        "properties": {parsing.FIELD: pictures} | PARAMETERS,
    }
    content = {"multipart/form-data": {"schema": form}, "image/*": {"schema": picture}}
    return {
        "description": (
            f"At most {settings.predict_pictures} pictures and {settings.api_megabytes} MB per "
            f"request, and {settings.api_requests_per_minute} requests per minute. Parameters go "
            "into the query or the form; the form takes precedence. A picture that cannot be read "
            "gets an error; if no picture can be read, the status is 422."
        ),
        "parameters": [
            {"name": name, "in": "query", "description": schema["description"], "schema": schema}
            for name, schema in PARAMETERS.items()
        ],
        "requestBody": {"required": True, "content": content},
    }
