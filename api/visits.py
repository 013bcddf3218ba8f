"""A visitor of a public host keeps a token in a cookie, by which their runs are found again."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.system import visitors

SECONDS = 365 * 24 * 3600
"""How long a browser keeps the cookie after its last visit."""


class Visits:
    """Gives whoever loads a page a token, or theirs anew. Pages read it, and no script can."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and put the cookie on the page that answers it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        token = _token(asked) or visitors.new_token()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and _page(message):
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", _cookie(token, secure=_secure(scope, asked)))
                # A store between here and the browser must not hand one visitor's to another.
                headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, answer)


def _page(message: Message) -> bool:
    kind = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] == 200 and kind.startswith("text/html")


def _token(headers: Headers) -> str:
    """The token that a browser sent; empty where it sent none, or something else."""
    # Python's own reader gives up at a neighbour's cookie that it does not like.
    sent = cookie_parser(headers.get("cookie", "")).get(visitors.COOKIE, "")
    return sent if visitors.is_token(sent) else ""


def _secure(scope: Scope, headers: Headers) -> bool:
    """Whether the browser came by HTTPS, here or to the proxy in front."""
    return scope["scheme"] == "https" or headers.get("x-forwarded-proto", "") == "https"


def _cookie(token: str, *, secure: bool) -> str:
    # Lax, not Strict: whoever follows a link from elsewhere is still the same visitor.
    parts = f"{visitors.COOKIE}={token}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Lax"
    return f"{parts}; Secure" if secure else parts
