"""What is answered to a request that cannot be met: one sentence, as JSON, and its status."""

from __future__ import annotations

import logging
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.answers import Refusal, respond
from core.errors import (
    LimitExceeded,
    NotEnoughResources,
    RunDamaged,
    TuskerError,
    UnknownModel,
)

STATUSES = {UnknownModel: 404, RunDamaged: 409, LimitExceeded: 413, NotEnoughResources: 503}
"""Of refusals by `core`; any other is 422."""
PLACES = "/api/predict, /api/models, /api/openapi.json and /api/health"
SHOWN = 40
"""Characters of a wrong value that a refusal repeats."""

_logger = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is not what it should be.

    Attributes:
        status: of the answer, 400 to 499.
        sentence: what was expected, what was found, what to do.
        headers: more of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


def shown(value: str) -> str:
    """A value that somebody sent, as a refusal repeats it: short, and in plain letters."""
    return ascii(value if len(value) <= SHOWN else value[:SHOWN] + "…")


def refuse(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """The answer that says so."""
    return respond(Refusal(error=sentence), status, headers)


def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return refuse(error.status, error.sentence, error.headers)


def _by_core(_request: Request, error: Exception) -> Response:
    kinds = (STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)
    return refuse(next(kinds, 422), str(error))


def _by_starlette(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        return refuse(405, f"Expected {headers.get('Allow')}, found {request.method}.", headers)
    if error.status_code == 404:
        return refuse(404, f"Nothing is at this address. There are {PLACES}.")
    return refuse(error.status_code, error.detail, headers)


def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


def _bug(request: Request, error: Exception) -> Response:
    name = secrets.token_hex(4)
    _logger.error("%s: %s %s failed", name, request.method, request.url.path, exc_info=error)
    return refuse(500, f"Something went wrong here; it is in the host's log as {name}.")


HANDLERS = {
    Refused: _refused,
    TuskerError: _by_core,
    HTTPException: _by_starlette,
    ClientDisconnect: _gone,
    Exception: _bug,
}
"""For Starlette: whatever is raised becomes one sentence."""
