"""Receive request bodies at a minimum rate, so that slow clients do not occupy the server."""

import time
from collections.abc import AsyncGenerator

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

WINDOW_SECONDS = 10
"""Time over which the rate is measured: longer than a short interruption."""
BYTES_PER_SECOND = 4096


async def steady(request: Request) -> AsyncGenerator[bytes]:
    """The chunks of a body.

    Raises:
        HTTPException: the body arrives too slowly; status 408.
    """
    size = waited = 0.0  # since the rate was checked last
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
