"""Limits of connections that Uvicorn has no options for: unfinished headers, number, sockets."""

import asyncio
import contextlib
import socket
from collections import Counter
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from api.access import PROXY, client_of

HEADER_SECONDS = 10
"""Seconds within which the header of a request must be complete."""
MAX_WAITING = 256
"""Connections without a complete header; the oldest one makes room for the next."""
MAX_FILES = 8192
"""Open files to ask the system for; a quarter is reserved for other things than connections."""
READ_BYTES = 16 * 1024
"""Bytes of a connection that are read before it is the turn of others: of a body in chunks of one
byte, a megabyte takes a second."""
STALLED_MILLISECONDS = 120_000
"""Time after which the system closes a connection whose client takes no data."""
MAX_SOCKETS = 100
"""WebSockets of one client: one per open page."""
FIRST_MESSAGE_SECONDS = 30
"""Seconds within which a page must send something over its WebSocket."""

_waiting: dict[Any, asyncio.TimerHandle] = {}


def limit() -> None:
    """Limit the connections of every server in this process, however it was started."""
    largest = _open_files() * 3 // 4
    protocol: Any = AutoHTTPProtocol
    if getattr(protocol, "limited", False):
        return
    protocol.limited = True
    connection_made, data_received = protocol.connection_made, protocol.data_received
    connection_lost = protocol.connection_lost

    def on_made(self: Any, transport: Any) -> None:
        connection_made(self, transport)
        with contextlib.suppress(AttributeError):  # of another loop than Python's
            transport.max_size = READ_BYTES
        if len(self.connections) > largest:
            transport.abort()
            return
        if (connection := transport.get_extra_info("socket")) and hasattr(
            socket, "TCP_USER_TIMEOUT"
        ):
            with contextlib.suppress(OSError):
                connection.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MILLISECONDS
                )
        _wait(self)

    def on_data(self: Any, data: bytes) -> None:
        data_received(self, data)
        is_request = self.cycle is not None and not self.cycle.response_complete
        is_socket = self not in self.connections  # another protocol has taken over
        if is_request or (is_socket and _is_websocket(self)):
            _stop_waiting(self)
        elif self not in _waiting and (is_socket or self.timeout_keep_alive_task is None):
            _wait(self)

    def on_lost(self: Any, error: Exception | None) -> None:
        _stop_waiting(self)
        connection_lost(self, error)

    protocol.connection_made, protocol.data_received = on_made, on_data
    protocol.connection_lost = on_lost


def _wait(connection: Any) -> None:
    """Close a connection unless its header is complete soon, or others need its place."""
    loop = asyncio.get_running_loop()
    _waiting[connection] = loop.call_later(HEADER_SECONDS, _close, connection)
    if len(_waiting) > MAX_WAITING:
        _close(next(iter(_waiting)))


def _close(connection: Any) -> None:
    _stop_waiting(connection)
    if not _is_websocket(connection):
        connection.transport.abort()


def _is_websocket(connection: Any) -> bool:
    """Whether a connection has become a WebSocket; Uvicorn ignores some faulty handshakes."""
    protocol = connection.transport.get_protocol()
    # Only one of Uvicorn's WebSocket protocols tells; connections of the others stay open.
    return protocol is not connection and getattr(protocol, "handshake_initiated", True)


def _stop_waiting(connection: Any) -> None:
    if timer := _waiting.pop(connection, None):
        timer.cancel()


def _open_files() -> int:
    """How many files this process may have open, after asking for more."""
    try:
        import resource
    except ImportError:  # Windows
        return 512
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            soft = target
    return MAX_FILES if soft == resource.RLIM_INFINITY else min(soft, MAX_FILES)


class SocketLimits:
    """Middleware that limits the WebSockets of a client, and closes those that say nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or close the WebSocket."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        client = client_of(scope)
        # All visitors share the address of a proxy that the host has not named.
        if self._open[client] >= MAX_SOCKETS and client != PROXY:
            await send({"type": "websocket.close", "code": 1013})
            return
        silent = True

        async def receive_first_in_time() -> Message:
            nonlocal silent
            message: Message = {"type": "websocket.disconnect", "code": 1008}
            with anyio.move_on_after(FIRST_MESSAGE_SECONDS if silent else None):
                message = await receive()
            silent = silent and message["type"] != "websocket.receive"
            if message.get("code") == 1008:
                with contextlib.suppress(RuntimeError):
                    await send({"type": "websocket.close", "code": 1008})
            return message

        self._open[client] += 1
        try:
            await self._app(scope, receive_first_in_time, send)
        finally:
            self._open[client] -= 1
            self._open += Counter()  # forgets clients without any
