"""Who may ask, and how often: every request to the endpoint passes here first."""

from __future__ import annotations

import hmac
import ipaddress
import math
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.refusals import refuse
from core.settings import Settings

UNGUARDED = ("/health",)
"""Asked for by whoever watches over the host, as often as they like."""
OPEN = ("/openapi.json",)
"""Needs no token: it says that there is one."""
CLIENTS = 10_000
"""Addresses that are remembered; the one that asked longest ago is forgotten."""
IN_HAND = 32
"""Requests that are read or answered at once: each may hold a body on the disk."""


class Gate:
    """Lets requests through that may pass and answers the others, before any body is read."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings
        self._buckets = Buckets(settings.api_requests_per_minute)
        self._in_hand = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or path in UNGUARDED:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope, path)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        self._in_hand += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_hand -= 1

    def _refusal(self, scope: Scope, path: str) -> Response | None:
        # Before the token is looked at, so that nobody can try many of them.
        wait = self._buckets.take(_client(scope), time.monotonic())
        if wait:
            variable = Settings.variable("api_requests_per_minute")
            return refuse(
                429,
                f"Expected at most {self._settings.api_requests_per_minute} requests a minute. "
                f"Ask again in {wait} s; the host can raise {variable}.",
                {"Retry-After": str(wait)},
            )
        if path not in OPEN and not self._may(Headers(scope=scope).get("authorization", "")):
            return refuse(
                401,
                "Expected the header Authorization: Bearer TOKEN with the token of this host.",
                {"WWW-Authenticate": "Bearer"},
            )
        if self._in_hand >= IN_HAND:
            return refuse(
                429,
                f"This host answers {IN_HAND} requests at once, and has as many. Ask again soon.",
                {"Retry-After": "1"},
            )
        return None

    def _may(self, authorization: str) -> bool:
        if not self._settings.api_token:
            return True
        scheme, _, given = authorization.partition(" ")
        # Headers are bytes that Starlette reads as Latin-1.
        same = hmac.compare_digest(
            given.strip().encode("latin-1"), self._settings.api_token.encode()
        )
        return same and scheme.lower() == "bearer"


class Buckets:
    """What each client may still ask: a bucket of tokens that fills evenly."""

    def __init__(self, per_minute: int) -> None:
        self._size = per_minute
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now: float) -> int:
        """Take a token.

        Args:
            client: whose bucket.
            now: seconds on a clock that never goes back.

        Returns:
            0, or where there is none the whole seconds until there is one.
        """
        left, then = self._left.pop(client, (float(self._size), now))
        left = min(self._size, left + (now - then) * self._size / 60)
        wait = 0 if left >= 1 else math.ceil((1 - left) * 60 / self._size)
        self._left[client] = (left if wait else left - 1, now)
        while len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return wait


def _client(scope: Scope) -> str:
    """The address that a request came from; of IPv6 the network that one customer has."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
