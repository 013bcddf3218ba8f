"""Read a request for predictions: its pictures and what is asked of them, within the limits."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import anyio
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from api.refusals import Refused, shown
from core.backbones import DEFAULT
from core.errors import LimitExceeded
from core.settings import Settings

FIELD = "picture"
MOST = 10
"""Answers a picture."""
FLAGS = {"true": True, "false": False}
IN_MEMORY = 64 * 1024
"""Bytes of a picture beyond which it waits on the disk."""
TEXT_BYTES = 1024
"""Longest parameter."""
SECONDS = 120
"""Longest that a request may take to arrive."""


@dataclass(frozen=True)
class Given:
    """A picture as it was sent.

    Attributes:
        name: of its file; may be any text, and is no path to anything.
        file: its content, to be read once.
    """

    name: str
    file: IO[bytes]


@dataclass(frozen=True)
class Parameters:
    """What can be said beside the pictures.

    Attributes:
        model: name of a backbone, or id of a run or of a brought model.
        top: answers a picture, 1 to 10.
        heatmap: whether to say where the evidence is.
    """

    model: str = DEFAULT
    top: int = 3
    heatmap: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked of at least one picture."""

    pictures: tuple[Given, ...]
    parameters: Parameters


@asynccontextmanager
async def asked(request: Request, settings: Settings) -> AsyncGenerator[Question]:
    """The question of a request; its pictures are gone after the block.

    Raises:
        Refused: it is not what the description says.
        LimitExceeded: it is larger than this host allows.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    _fits(int(request.headers.get("content-length", 0)), settings)
    if kind == "multipart/form-data":
        with _in_time():
            form = await _form(request, settings)
        try:
            yield _question(request, [_field(*item) for item in form.multi_items()])
        finally:
            await form.close()
    elif kind.startswith("image/"):
        with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
            with _in_time():
                async for chunk in _body(request, settings):
                    file.write(chunk)
            file.seek(0)
            yield _question(request, [(FIELD, Given(FIELD, file))])
    else:
        raise Refused(
            415,
            f"Expected multipart/form-data with pictures in the field {FIELD}, or one picture as "
            f"image/jpeg or its like, found {shown(kind)} as Content-Type.",
        )


async def _form(request: Request, settings: Settings) -> FormData:
    most = settings.predict_pictures
    parser = MultiPartParser(
        request.headers,
        _body(request, settings),
        max_files=most,
        max_fields=len(READ),
        max_part_size=TEXT_BYTES,
    )
    parser.spool_max_size = IN_MEMORY
    try:
        return await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise Refused(
                422,
                f"Expected at most {most} pictures in a request, found more. Send them in several; "
                f"the host can raise {Settings.variable('predict_pictures')}.",
            ) from error
        detail = error.message.rstrip(".")
    # A stated character set can be one that Python has and nobody means.
    except (ValueError, LookupError):
        detail = "A name in it cannot be read"
    raise Refused(400, f"Expected whole multipart/form-data, found something else: {detail}.")


async def _body(request: Request, settings: Settings) -> AsyncGenerator[bytes]:
    """The body in pieces, until it is too large."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        _fits(size, settings)
        yield chunk


def _fits(size: int, settings: Settings) -> None:
    if size > settings.api_bytes:
        raise LimitExceeded(
            f"Expected at most {settings.api_megabytes} MB in a request, found more. Send fewer "
            f"pictures; the host can raise {Settings.variable('api_megabytes')}."
        )


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        with anyio.fail_after(SECONDS):
            yield
    except TimeoutError as error:
        raise Refused(
            408, f"Expected the whole request within {SECONDS} s. Send fewer pictures."
        ) from error


def _field(name: str, value: str | UploadFile) -> tuple[str, str | Given]:
    if isinstance(value, str):
        return name, value
    # Some character sets make half characters, which JSON cannot hold.
    return name, Given((value.filename or "").encode("utf-8", "replace").decode(), value.file)


def _question(request: Request, fields: Iterable[tuple[str, str | Given]]) -> Question:
    pictures: list[Given] = []
    said = Parameters()
    # A form that is sent to an address with parameters has the last word.
    for place in (request.query_params.multi_items(), fields):
        here: set[str] = set()
        for name, value in place:
            if isinstance(value, Given) and name == FIELD:
                pictures.append(value)
            elif name == FIELD:
                raise Refused(422, f"Expected a file in the field {FIELD}, found text.")
            elif name not in READ or isinstance(value, Given):
                names = f"{', '.join(READ)} and files in {FIELD}"
                raise Refused(422, f"Expected {names}, found {shown(name)}.")
            elif name in here:
                raise Refused(422, f"Expected {name} once, found it several times.")
            else:
                here.add(name)
                said = replace(said, **{name: READ[name](value)})
    if not pictures:
        raise Refused(422, f"Expected at least one picture in the field {FIELD}, found none.")
    return Question(tuple(pictures), said)


def _model(value: str) -> str:
    return value or DEFAULT


def _top(value: str) -> int:
    if re.fullmatch(r"[1-9]|10", value) is None:
        raise Refused(
            422, f"Expected top to be a whole number from 1 to {MOST}, found {shown(value)}."
        )
    return int(value)


def _flag(value: str) -> bool:
    if value not in FLAGS:
        raise Refused(422, f"Expected heatmap to be true or false, found {shown(value)}.")
    return FLAGS[value]


READ: dict[str, Callable[[str], Any]] = {"model": _model, "top": _top, "heatmap": _flag}
"""What becomes of the text of each parameter."""
