"""Exception handlers: every failed request gets a status code and one sentence as JSON."""

import errno
import logging
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.schemas import Error, respond
from core.errors import LimitExceeded, NotEnoughResources, RunDamaged, TuskerError, UnknownModel

STATUS_CODES = {UnknownModel: 404, RunDamaged: 409, LimitExceeded: 413, NotEnoughResources: 503}
"""Status codes of `core`'s exceptions; all others are 422."""
FULL = {errno.ENOSPC, errno.EDQUOT}
PATHS = "/api/predict, /api/models, /api/openapi.json and /api/health"
QUOTED = 40
"""Characters of a wrong value that an error quotes."""

_logger = logging.getLogger(__name__)


def quote(value: str) -> str:
    """A value from a request as an error quotes it: short, and in ASCII."""
    return ascii(value if len(value) <= QUOTED else value[:QUOTED] + "…")


def error_response(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    """The response to a failed request."""
    return respond(Error(error=message), status, headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers, message = dict(error.headers or {}), error.detail
    if error.status_code == 405:
        message = f"Expected {headers.get('Allow')}, found {request.method}."
    elif error.status_code == 404:
        message = f"Nothing is at this address. The API has {PATHS}."
    return error_response(error.status_code, message, headers)


def _core_error(_request: Request, error: Exception) -> Response:
    codes = (STATUS_CODES[kind] for kind in type(error).__mro__ if kind in STATUS_CODES)
    return error_response(next(codes, 422), str(error))


def _system_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, OSError) or error.errno not in FULL:
        raise error  # a bug
    _logger.error("nothing stored", exc_info=error)
    return error_response(503, "The disk of this host is full. Try again later.")


def _disconnected(_request: Request, _error: Exception) -> Response:
    return Response(status_code=400)  # nobody receives it


def _bug(request: Request, error: Exception) -> Response:
    bug_id = secrets.token_hex(4)
    _logger.error("%s: %s %s failed", bug_id, request.method, request.url.path, exc_info=error)
    return error_response(500, f"Something went wrong. The host's log has the details: {bug_id}.")


HANDLERS = {
    HTTPException: _http_error,
    TuskerError: _core_error,
    OSError: _system_error,
    ClientDisconnect: _disconnected,
    Exception: _bug,
}
