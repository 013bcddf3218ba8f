"""The visitor cookie of a public host: a random token by which visitors find their runs again."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.system import visitors

SECONDS = 365 * 24 * 3600
"""How long a browser keeps the cookie after the last visit."""


class VisitorCookie:
    """Middleware that sets the cookie with each page. Pages can read it, scripts cannot."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the cookie to the response if it is a page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Headers(scope=scope)
        token = read_token(request) or visitors.new_token()

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_page(message):
                headers = MutableHeaders(scope=message)
                headers.append("set-cookie", _cookie(token, secure=_is_https(scope, request)))
                # A cache on the way must not hand one visitor's cookie to another.
                headers["cache-control"] = "no-store"
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def read_token(headers: Headers) -> str:
    """The token in a request's cookies; empty if there is none, or no valid one."""
    # Not `http.cookies`, which gives up at the first malformed cookie of another site.
    token = cookie_parser(headers.get("cookie", "")).get(visitors.COOKIE, "")
    return token if visitors.is_token(token) else ""


def _is_page(message: Message) -> bool:
    content_type = Headers(raw=message["headers"]).get("content-type", "")
    return message["status"] == 200 and content_type.startswith("text/html")


def _is_https(scope: Scope, headers: Headers) -> bool:
    return scope["scheme"] == "https" or headers.get("x-forwarded-proto", "") == "https"


def _cookie(token: str, *, secure: bool) -> str:
    # Lax, not Strict: a visitor who follows a link from another site keeps the cookie.
    cookie = f"{visitors.COOKIE}={token}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Lax"
    return f"{cookie}; Secure" if secure else cookie
