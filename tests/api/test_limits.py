"""The token and the limits of a host; each error names the variable that raises the limit."""

import errno
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from urllib.parse import urlsplit

import pytest

from api import access, parsing
from api.access import RateLimiter, client_of
from core.settings import Settings
from tests.api.client import BOUNDARY, FORM, Client, form, picture
from tests.api.conftest import serve

TOKEN = "açaí-of-a-test"
MEGABYTE = 1024**2
BEARER = f"Bearer {TOKEN}".encode().decode("latin-1")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a host with a token and low limits."""
    limits = {"api_token": TOKEN, "api_megabytes": 1, "predict_pictures": 3}
    home = tmp_path_factory.mktemp("strict")
    with serve(Settings(home=home, api_requests_per_minute=1_000_000, **limits)) as client:
        yield client


@pytest.mark.parametrize(
    "sent", ["", TOKEN.encode(), f"Basic {TOKEN}".encode(), "Bearer ", "Bearer no", BEARER + "x"]
)
def test_without_the_token_only_public_paths_are_answered(
    sent: str | bytes, strict: Client, shape: bytes
) -> None:
    headers = {"Authorization": sent} if sent else {}
    for reply in (
        strict.predict(picture(shape), **headers),
        strict.request("/api/models", **headers),
        strict.request("/api/nothing", **headers),
    ):
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert TOKEN not in reply.error
    for path in ("/api/health", "/api/openapi.json"):
        assert strict.request(path).status == 200


def test_a_full_disk_is_no_bug(
    tmp_path: Path, shape: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(SpooledTemporaryFile):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(parsing, "SpooledTemporaryFile", Full)
    with serve(Settings(home=tmp_path)) as client:
        reply = client.post(shape, "image/jpeg")
    assert reply.status == 503
    assert "disk" in reply.json["error"]


def test_too_many_pictures_are_refused(strict: Client, shape: bytes) -> None:
    assert strict.predict(*[picture(shape)] * 3, Authorization=BEARER).status == 200
    reply = strict.predict(*[picture(shape)] * 4, Authorization=BEARER)
    assert reply.status == 422
    assert "at most 3 pictures" in reply.error and "TUSKER_PREDICT_PICTURES" in reply.error


@pytest.mark.parametrize("content_type", [FORM, "image/png"])
def test_a_body_that_is_too_large_is_refused(content_type: str, strict: Client) -> None:
    body = form(picture(bytes(2 * MEGABYTE)))
    reply = strict.post(body, content_type, Authorization=BEARER)
    assert reply.status == 413
    assert "at most 1 MB" in reply.error and "TUSKER_API_MEGABYTES" in reply.error


def connect(client: Client, header: str) -> socket.socket:
    """A connection on which the head of a request was sent."""
    url = urlsplit(client.url)
    connection = socket.create_connection((url.hostname, url.port), timeout=60)
    head = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    connection.sendall(f"{head}Authorization: {BEARER}\r\n{header}\r\n\r\n".encode("latin-1"))
    return connection


def test_a_declared_length_that_is_too_large_is_refused_before_the_body(strict: Client) -> None:
    with connect(strict, "Content-Length: 99999999999") as connection:
        assert b" 413 " in connection.recv(4096)


def test_an_endless_body_is_refused_once_it_is_too_large(strict: Client) -> None:
    opening = f"--{BOUNDARY}\r\n".encode() + picture(b"")
    reply, sent = b"", 0
    with connect(strict, "Transfer-Encoding: chunked") as connection:
        connection.sendall(f"{len(opening):x}\r\n".encode() + opening + b"\r\n")
        while not reply and sent < 64:
            connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            sent += 1
            # What is sent after the refusal could reset the connection before it is read.
            if select.select([connection], [], [], 0.02 if sent < 16 else 2)[0]:
                reply = connection.recv(4096)
    assert b" 413 " in reply and sent >= 16


def test_requests_over_the_rate_limit_are_told_when_to_retry(tmp_path: Path) -> None:
    with serve(Settings(home=tmp_path, api_requests_per_minute=1)) as client:
        # What a client claims to be makes it no other client.
        accepted, rejected = (
            client.request("/api/models", X_Forwarded_For=f"192.0.2.{number}")
            for number in range(2)
        )
        assert accepted.status == 200
        assert rejected.status == 429 and 1 <= int(rejected.headers["retry-after"]) <= 60
        assert "TUSKER_API_REQUESTS_PER_MINUTE" in rejected.error
        assert client.request("/api/health").status == 200


def test_a_bucket_refills_evenly_and_each_client_has_one() -> None:
    limiter = RateLimiter(6)
    assert [limiter.take("a", 0.0) for _ in range(7)] == [0] * 6 + [10]
    assert limiter.take("b", 0.0) == 0
    assert limiter.take("a", 9.0) == 1
    assert limiter.take("a", 10.5) == 0
    assert limiter.take("a", 10.5) > 0
    assert [limiter.take("a", 1000.0) for _ in range(7)] == [0] * 6 + [10]


def test_only_the_most_recent_clients_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_CLIENTS", 3)
    limiter = RateLimiter(1)
    assert [limiter.take(client, 0.0) for client in "abcd"] == [0] * 4
    assert limiter.take("d", 0.0) > 0
    assert limiter.take("a", 0.0) == 0, "it should have been dropped"


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    first, same_network, other_network, v4, v4_other = (
        client_of({"client": (host, 1)})
        for host in (
            *("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"),
            *("192.0.2.1", "192.0.2.2"),
        )
    )
    assert first == same_network != other_network and v4 != v4_other


def test_an_ipv4_address_in_ipv6_form_is_the_client_of_that_address() -> None:
    mapped, other, plain = (
        client_of({"client": (host, 1)})
        for host in ("::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1")
    )
    assert mapped == plain != other


def test_only_a_proxy_that_the_host_named_says_who_the_client_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forwarded = {"client": ("192.0.2.1", 0)}
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert client_of(forwarded) == "proxy"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "198.51.100.1")
    assert client_of(forwarded) == "192.0.2.1"
