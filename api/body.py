"""Receive request bodies, and refuse those of clients so slow that they would occupy the server."""

import time
from collections.abc import AsyncGenerator

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

WINDOW_SECONDS = 10
"""Seconds over which the rate is measured, so that a short interruption does no harm."""
BYTES_PER_SECOND = 4096


async def at_minimum_rate(request: Request) -> AsyncGenerator[bytes]:
    """The chunks of a request's body.

    Raises:
        HTTPException: the body arrives too slowly; status 408.
    """
    size = waited = 0.0  # bytes and seconds since the last check of the rate
    chunks = request.stream()
    while True:
        began, chunk = time.monotonic(), None
        with anyio.move_on_after(WINDOW_SECONDS):
            chunk = await anext(chunks, b"")
        if chunk == b"":
            return
        size += len(chunk or b"")
        waited += time.monotonic() - began
        if chunk is None or waited >= WINDOW_SECONDS:
            if chunk is None or size < WINDOW_SECONDS * BYTES_PER_SECOND:
                message = f"Expected at least {BYTES_PER_SECOND // 1024} kB/s. Try again."
                raise HTTPException(408, message)
            size = waited = 0.0
        yield chunk
