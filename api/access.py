"""Authentication and rate limiting, before a request's body is read."""

import hmac
import ipaddress
import math
import os
import time
from collections import Counter, OrderedDict

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import error_response
from core.settings import Settings

UNLIMITED = ("/health",)
"""Paths without a rate limit or a token, for monitoring."""
PUBLIC = ("/openapi.json",)
"""Paths without a token: the description says that one is needed."""
MAX_CLIENTS = 10_000
"""Addresses that the rate limiter remembers; the least recent one is dropped."""
MAX_CONCURRENT = 32
"""Requests that are answered at once."""
MAX_ARRIVING, MAX_ARRIVING_OF_CLIENT = 256, 16
"""Requests whose body is arriving at once, of all clients and of one."""
PROXY = "proxy"
"""The client of requests through a proxy that the host has not named."""


BUSY = "This host has as many requests as it can handle. Try again."


class AccessControl:
    """Middleware that rejects requests over the limits or without the token."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._limiter = RateLimiter(settings.api_requests_per_minute)
        self._arriving: Counter[str] = Counter()
        self._answering = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path in UNLIMITED:
            await self._app(scope, receive, send)
            return
        client = client_of(scope)
        rejection = self._reject(scope, path, client)
        if rejection is not None:
            await rejection(scope, receive, send)
            return
        arriving, answering = True, False

        async def receive_and_count() -> Message:
            nonlocal arriving, answering
            message = await receive()
            if arriving and not message.get("more_body", False):
                arriving = False
                self._arriving[client] -= 1
                if self._answering >= MAX_CONCURRENT:
                    raise HTTPException(429, BUSY, {"Retry-After": "1"})
                answering = True
                self._answering += 1
            return message

        self._arriving[client] += 1
        try:
            await self._app(scope, receive_and_count, send)
        finally:
            self._arriving[client] -= arriving
            self._answering -= answering
            self._arriving += Counter()  # forgets clients without any

    def _reject(self, scope: Scope, path: str, client: str) -> Response | None:
        # Before the token is checked, so that tokens cannot be guessed in quick succession.
        wait = self._limiter.take(client, time.monotonic())
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
        most = MAX_ARRIVING if client == PROXY else MAX_ARRIVING_OF_CLIENT
        if self._arriving[client] >= most or self._arriving.total() >= MAX_ARRIVING:
            return error_response(429, BUSY, {"Retry-After": "1"})
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
    """The address of a request's client; for IPv6 the /64 network that one customer has.

    Clients that a proxy names in `X-Forwarded-For` count only if the host has named that proxy.
    Uvicorn trusts one on this machine by default, even if it passes on what its clients claim.
    """
    host, port = scope.get("client") or ("unknown", 0)
    # Uvicorn has replaced the address; no client has port 0.
    if port == 0 and not os.environ.get("FORWARDED_ALLOW_IPS"):
        return PROXY
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    # A socket for both versions names IPv4 clients in this form.
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
