"""Authentication and rate limiting, before a request's body is read."""

import hmac
import ipaddress
import math
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import error_response
from core.settings import Settings

UNLIMITED = ("/health",)
"""Paths without a rate limit or a token, for monitoring."""
PUBLIC = ("/openapi.json",)
"""Paths without a token: the description says that one is needed."""
MAX_CLIENTS = 10_000
"""Addresses that the rate limiter remembers; the least recent one is dropped."""
MAX_CONCURRENT = 32
"""Requests that are handled at once: each may hold a body on the disk."""


class AccessControl:
    """Middleware that rejects requests over the limits or without the token."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._limiter = RateLimiter(settings.api_requests_per_minute)
        self._concurrent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path in UNLIMITED:
            await self._app(scope, receive, send)
            return
        rejection = self._reject(scope, path)
        if rejection is not None:
            await rejection(scope, receive, send)
            return
        self._concurrent += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._concurrent -= 1

    def _reject(self, scope: Scope, path: str) -> Response | None:
        # Before the token is checked, so that tokens cannot be guessed in quick succession.
        wait = self._limiter.take(client_of(scope), time.monotonic())
        if wait:
            return error_response(
                429,
                f"Expected at most {self._settings.api_requests_per_minute} requests per minute. "
                f"Try again in {wait} s; the host can raise "
                f"{Settings.variable('api_requests_per_minute')}.",
                {"Retry-After": str(wait)},
            )
        if path not in PUBLIC and not self._authorized(Headers(scope=scope)):
            return error_response(
                401,
                "Expected the header Authorization: Bearer TOKEN with the token of this host.",
                {"WWW-Authenticate": "Bearer"},
            )
        if self._concurrent >= MAX_CONCURRENT:
            return error_response(
                429,
                f"This host handles {MAX_CONCURRENT} requests at once, and has as many. Try again.",
                {"Retry-After": "1"},
            )
        return None

    def _authorized(self, headers: Headers) -> bool:
        if not self._settings.api_token:
            return True
        scheme, _, token = headers.get("authorization", "").partition(" ")
        # Starlette decodes headers as Latin-1.
        same = hmac.compare_digest(
            token.strip().encode("latin-1"), self._settings.api_token.encode()
        )
        return same and scheme.lower() == "bearer"


class RateLimiter:
    """A token bucket per client."""

    def __init__(self, per_minute: int) -> None:
        self._size = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> int:
        """Take one token.

        Args:
            client: address of the client.
            now: seconds on a monotonic clock.

        Returns:
            0, or the whole seconds until there is a token again.
        """
        tokens, updated = self._buckets.pop(client, (float(self._size), now))
        tokens = min(self._size, tokens + (now - updated) * self._size / 60)
        wait = 0 if tokens >= 1 else math.ceil((1 - tokens) * 60 / self._size)
        self._buckets[client] = (tokens if wait else tokens - 1, now)
        while len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        return wait


def client_of(scope: Scope) -> str:
    """The address of a request's client; for IPv6 the /64 network that one customer has."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
