"""Slow clients and many connections: others are served meanwhile, and slow ones are closed."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api import access, body, connections
from core.settings import Settings
from tests.api.client import FORM, Client, picture
from tests.api.conftest import serve


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A server with the API and a WebSocket, few places, and no limit of time for a header."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 600)
    monkeypatch.setattr(connections, "MAX_WAITING", 20)
    monkeypatch.setattr(connections, "MAX_SOCKETS", 3)
    monkeypatch.setattr(body, "WINDOW_SECONDS", 0.5)
    connections.limit()
    with serve(Settings(home=tmp_path), WebSocketRoute("/echo", echo)) as client:
        yield client


def open_connection(client: Client, content: bytes, source: str = "127.0.0.1") -> socket.socket:
    port = int(client.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
    connection.sendall(content)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    """What was received until the server closed the connection."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


HALF = b"GET /api/health HTTP/1.1\r\nHost: a\r\n"
BODY = f"POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n".encode()


def test_an_unfinished_header_is_closed_also_after_a_request(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    for content in (b"", HALF, HALF + b"\r\n" + HALF, HALF + b"\r\n"):
        with open_connection(server, content) as connection:
            if content == HALF + b"\r\n":  # idle between requests: the server's own limit
                assert b"200 OK" in connection.recv(65536)
                connection.sendall(HALF)
            read_to_end(connection)


UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    "content",
    [
        UPGRADE + b"Content-Length: 5\r\n\r\n",
        UPGRADE.replace(b"GET", b"POST") + b"\r\n",
        UPGRADE + b"Origin: http://\x1b[31m\r\n\r\n",
        UPGRADE + b"Cookie: " + b"a" * 9_000 + b"\r\n\r\n",
        UPGRADE + b"X: a\r\n" * 300 + b"\r\n",
    ],
    ids=["body", "method", "control character", "long line", "many lines"],
)
def test_a_websocket_that_is_not_understood_is_closed(
    server: Client, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(connections, "HEADER_SECONDS", 0.5)
        with open_connection(server, content) as connection:
            assert b"101" not in read_to_end(connection)
    with open_connection(server, UPGRADE + b"\r\n") as connection:
        assert b"101 Switching" in connection.recv(65536)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("protocol", ["websockets", "websockets-sansio"])
def test_a_websocket_stays_open_by_whatever_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 1)
    connections.limit()
    route = WebSocketRoute("/echo", echo)
    with (
        serve(Settings(home=tmp_path), route, ws=protocol) as client,
        connect(client.url.replace("http", "ws") + "/echo") as page,
    ):
        for pause in (1.2, 0):
            page.send("hello")
            assert page.recv() == "hello"
            time.sleep(pause)


def test_a_long_body_is_read_in_small_pieces(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body in tiny chunks takes so long that nobody else would be answered meanwhile."""
    read: list[int] = []
    data_received = AutoHTTPProtocol.data_received

    def record(self: Any, data: bytes) -> None:
        read.append(len(data))
        data_received(self, data)

    monkeypatch.setattr(AutoHTTPProtocol, "data_received", record)
    assert server.predict(picture(bytes(1 << 20))).status == 422
    assert sum(read) > 1 << 20 and max(read) <= connections.READ_BYTES


def test_connections_without_a_header_do_not_keep_others_out(server: Client) -> None:
    halves = [open_connection(server, HALF) for _ in range(50)]
    assert server.request("/api/health").status == 200
    assert [read_to_end(half) for half in halves[:25]] == [b""] * 25
    halves[-1].sendall(b"\r\n")
    assert b"200 OK" in halves[-1].recv(65536)
    for half in halves:
        half.close()


def test_slow_bodies_of_one_client_leave_room_for_others_and_are_refused(server: Client) -> None:
    head = BODY + b"Content-Length: 1000000\r\n\r\n"
    slow = [open_connection(server, head + b"-") for _ in range(access.MAX_CONCURRENT + 1)]
    with open_connection(
        server, BODY + b"Content-Length: 2\r\n\r\n--", "127.0.0.2"
    ) as other_client:
        assert b" 422 " in other_client.recv(65536)
    replies = [read_to_end(connection) for connection in slow]
    refused = [reply for reply in replies if b" 429 " in reply]
    assert 0 < len(refused) <= len(slow) - access.MAX_ARRIVING_OF_CLIENT
    late = [reply for reply in replies if b" 408 " in reply]
    assert late and all(not reply or reply in refused + late for reply in replies), replies
    reply = server.post(b"--", FORM)
    assert reply.status == 422, "the places are free again"


def test_web_sockets_of_one_client_are_limited_and_must_say_something(
    server: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.url.replace("http", "ws") + "/echo"
    with connect(address) as first, connect(address) as second:
        first.send("a")
        second.send("b")
        assert (first.recv(), second.recv()) == ("a", "b")
        monkeypatch.setattr(connections, "FIRST_MESSAGE_SECONDS", 0.1)
        with connect(address) as silent, pytest.raises(ConnectionClosed):
            silent.recv()
        monkeypatch.setattr(connections, "FIRST_MESSAGE_SECONDS", 600)
        with connect(address), pytest.raises(Exception, match="403"), connect(address):
            pass
        first.send("still here")
        assert first.recv() == "still here"
