"""The limits of a host, each refused by its name, and its token."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api import gate
from api.gate import Buckets
from tests.api.client import BOUNDARY, FORM, Client, form, picture
from tests.api.conftest import LAUNCHER, UNHURRIED
from tests.browser.server import Server, start

TOKEN = "açaí-of-a-test"
MEGABYTE = 1024**2
BEARER = {"Authorization": f"Bearer {TOKEN}".encode().decode("latin-1")}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A host with a token that takes in little."""
    limits = {
        "TUSKER_API_TOKEN": TOKEN,
        "TUSKER_API_MEGABYTES": "1",
        "TUSKER_PREDICT_PICTURES": "3",
    }
    home = tmp_path_factory.mktemp("strict") / "home"
    with start(home, app=LAUNCHER, **(limits | UNHURRIED)) as running:
        yield running


def test_without_the_token_nothing_is_answered_but_what_needs_none(
    strict: Server, shape: bytes
) -> None:
    client = Client(strict.url)
    wrong = [{}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}".encode()}]
    wrong += [{"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}]
    wrong += [{"Authorization": BEARER["Authorization"] + "x"}]
    for headers in wrong:
        for reply in (
            client.predict(picture(shape), headers=headers),
            client.ask("/api/models", headers=headers),
            client.ask("/api/nothing", headers=headers),
        ):
            assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
            assert TOKEN not in reply.refusal
    assert client.ask("/api/health").status == client.ask("/api/openapi.json").status == 200
    assert client.ask("/").status == 200


def test_with_the_token_it_is(strict: Server, shape: bytes) -> None:
    client = Client(strict.url)
    assert client.predict(picture(shape), headers=BEARER).status == 200
    assert client.ask("/api/models", headers=BEARER).status == 200


def test_too_many_pictures_are_refused_by_the_limits_name(strict: Server, shape: bytes) -> None:
    client = Client(strict.url)
    assert client.predict(*[picture(shape)] * 3, headers=BEARER).status == 200
    reply = client.predict(*[picture(shape)] * 4, headers=BEARER)
    assert reply.status == 422
    assert "at most 3 pictures" in reply.refusal and "TUSKER_PREDICT_PICTURES" in reply.refusal


@pytest.mark.parametrize("kind", [FORM, "image/png"])
def test_a_body_that_is_too_large_is_refused_by_the_limits_name(kind: str, strict: Server) -> None:
    headers = BEARER | {"Content-Type": kind}
    body = form(picture(bytes(2 * MEGABYTE)))
    reply = Client(strict.url).ask("/api/predict", method="POST", body=body, headers=headers)
    assert reply.status == 413
    assert "at most 1 MB" in reply.refusal and "TUSKER_API_MEGABYTES" in reply.refusal


def _head(reply: bytes) -> str:
    return reply.partition(b"\r\n")[0].decode()


def test_what_declares_to_be_too_large_is_refused_before_it_comes(strict: Server) -> None:
    there = urlsplit(strict.url)
    head = f"POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n"
    head += f"Authorization: {BEARER['Authorization']}\r\nContent-Length: 99999999999\r\n\r\n"
    begun = time.monotonic()
    with socket.create_connection((there.hostname, there.port), timeout=10) as line:
        line.sendall(head.encode("latin-1"))
        assert "413" in _head(line.recv(4096))
    assert time.monotonic() - begun < 5


def test_what_never_ends_is_refused_as_soon_as_it_is_too_large(strict: Server) -> None:
    there = urlsplit(strict.url)
    head = f"POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n"
    head += f"Authorization: {BEARER['Authorization']}\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    opening = f"--{BOUNDARY}\r\n".encode() + picture(b"")
    with socket.create_connection((there.hostname, there.port), timeout=10) as line:
        line.sendall(head.encode("latin-1") + f"{len(opening):x}\r\n".encode() + opening + b"\r\n")
        sent = 0
        while sent < 64:
            line.sendall(piece)
            sent += 1
            line.settimeout(0.05)
            try:
                said = line.recv(4096)
            except TimeoutError:
                continue
            assert "413" in _head(said)
            break
    assert 16 <= sent < 64


def test_more_requests_than_a_minute_allows_are_told_to_wait(tmp_path: Path) -> None:
    limit = {"TUSKER_API_REQUESTS_PER_MINUTE": "5"}
    with start(tmp_path / "home", app=LAUNCHER, **limit) as running:
        client = Client(running.url)
        replies = [client.ask("/api/models") for _ in range(6)]
        assert [reply.status for reply in replies] == [200] * 5 + [429]
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 12
        assert "TUSKER_API_REQUESTS_PER_MINUTE" in replies[-1].refusal
        assert client.ask("/api/health").status == 200
        assert client.ask("/").status == 200


def test_a_bucket_fills_evenly_and_each_client_has_its_own() -> None:
    buckets = Buckets(6)
    assert [buckets.take("a", 0.0) for _ in range(7)] == [0] * 6 + [10]
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", 9.0) == 1
    assert buckets.take("a", 10.5) == 0
    assert buckets.take("a", 10.5) > 0
    assert [buckets.take("a", 1000.0) for _ in range(7)] == [0] * 6 + [10]


def test_no_more_clients_are_remembered_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "CLIENTS", 3)
    buckets = Buckets(1)
    for client in "abcd":
        assert buckets.take(client, 0.0) == 0
    assert buckets.take("d", 0.0) > 0
    assert buckets.take("a", 0.0) == 0  # forgotten


def test_one_customer_of_ipv6_is_one_client() -> None:
    def of(host: str) -> str:
        return gate._client({"client": (host, 1)})

    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::9") != of("2001:db8:1:3::1")
    assert of("192.0.2.1") != of("192.0.2.2")
