"""Parse a prediction request: its pictures and parameters, within the limits of the host."""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import anyio
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from api.body import at_minimum_rate
from api.errors import quote
from core.backbones import DEFAULT
from core.errors import LimitExceeded
from core.settings import MEGABYTE, Settings

FIELD = "picture"
MAX_TOP = 10
SPOOL_BYTES = 64 * 1024
"""Larger pictures are stored on the disk while a request is handled."""
MAX_TEXT_BYTES = 1024
"""Maximum size of a parameter in a form."""
TIMEOUT_SECONDS = 120
"""How long a request may take to arrive."""


class Parameters(BaseModel, frozen=True):
    """Parameters of a prediction."""

    model: str = Field(
        DEFAULT, description="Name of a backbone, or id of a run or of an imported model."
    )
    top: int = Field(3, ge=1, le=MAX_TOP, description="Number of predictions per picture.")
    heatmap: bool = Field(
        False,
        description="Whether to return where in the picture the evidence for the first "
        "prediction is.",
    )


NAMES = tuple(Parameters.model_fields)


@asynccontextmanager
async def parse(
    request: Request, settings: Settings
) -> AsyncGenerator[tuple[list[UploadFile], Parameters]]:
    """Parse a request. Its pictures, at least one, are deleted after the block.

    Raises:
        HTTPException: the request is malformed.
        LimitExceeded: the request is larger than this host allows.
    """
    _check_size(int(request.headers.get("content-length", 0)), settings)
    try:
        with anyio.fail_after(TIMEOUT_SECONDS):
            form = await _read(request, settings)
    except TimeoutError as error:
        message = f"Expected the whole request within {TIMEOUT_SECONDS} s. Send fewer pictures."
        raise HTTPException(408, message) from error
    try:
        yield _parse_fields(request, form.multi_items())
    finally:
        await form.close()


async def _read(request: Request, settings: Settings) -> FormData:
    """The form; a body that is a picture becomes a form with one field."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.startswith("image/"):
        file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed with the form
        async for chunk in _body(request, settings):
            file.write(chunk)
        file.seek(0)
        return FormData([(FIELD, UploadFile(cast("BinaryIO", file), filename=FIELD))])
    if content_type != "multipart/form-data":
        raise HTTPException(
            415,
            f"Expected the Content-Type multipart/form-data with pictures in the field {FIELD}, or "
            f"image/jpeg or similar with one picture, found {quote(content_type)}.",
        )
    parser = MultiPartParser(
        request.headers,
        _body(request, settings),
        max_files=settings.predict_pictures,
        max_fields=len(NAMES),
        max_part_size=MAX_TEXT_BYTES,
    )
    parser.spool_max_size = SPOOL_BYTES
    try:
        return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise HTTPException(
                422,
                f"Expected at most {settings.predict_pictures} pictures per request, found more. "
                "Send several requests; the host can raise "
                f"{Settings.variable('predict_pictures')}.",
            ) from error
        reason = error.message.rstrip(".")
    except (ValueError, LookupError):  # the charset of the Content-Type may be any of Python's
        reason = "a name cannot be decoded"
    raise HTTPException(400, f"Expected valid multipart/form-data: {reason}.")


async def _body(request: Request, settings: Settings) -> AsyncGenerator[bytes]:
    size = 0
    async for chunk in at_minimum_rate(request):
        size += len(chunk)
        _check_size(size, settings)
        yield chunk


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.api_megabytes * MEGABYTE:
        raise LimitExceeded(
            f"Expected at most {settings.api_megabytes} MB per request, found more. Send fewer "
            f"pictures; the host can raise {Settings.variable('api_megabytes')}."
        )


def _parse_fields(
    request: Request, form: Iterable[tuple[str, str | UploadFile]]
) -> tuple[list[UploadFile], Parameters]:
    pictures: list[UploadFile] = []
    values: dict[str, Any] = {}
    # A parameter in the form overrides one in the query.
    for items in (request.query_params.multi_items(), form):
        names_so_far: set[str] = set()
        for name, value in items:
            if isinstance(value, UploadFile) and name == FIELD:
                pictures.append(value)
            elif name == FIELD:
                raise HTTPException(422, f"Expected a file in the field {FIELD}, found text.")
            elif name not in NAMES or isinstance(value, UploadFile):
                names = f"{', '.join(NAMES)} and files in {FIELD}"
                raise HTTPException(422, f"Expected {names}, found {quote(name)}.")
            elif name in names_so_far:
                raise HTTPException(422, f"Expected {name} once, found it several times.")
            else:
                names_so_far.add(name)
                values[name] = _parse_value(name, value)
    if not pictures:
        message = f"Expected at least one picture in the field {FIELD}, found none."
        raise HTTPException(422, message)
    return pictures, Parameters(**values)


def _parse_value(name: str, value: str) -> str | int | bool:
    if name == "model":
        return value or DEFAULT
    if name == "top" and re.fullmatch(r"[1-9]|10", value):
        return int(value)
    if name == "heatmap" and value in ("true", "false"):
        return value == "true"
    expected = f"a whole number from 1 to {MAX_TOP}" if name == "top" else "true or false"
    raise HTTPException(422, f"Expected {name} to be {expected}, found {quote(value)}.")
