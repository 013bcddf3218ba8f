"""Malformed and malicious requests: the reply is a status from 400 to 499 and one sentence."""

import io
import socket
import struct
import zipfile
import zlib
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import runs
from tests import shapes
from tests.api.client import BOUNDARY, FORM, Client, form, picture, value
from tests.browser.server import Server

MEGABYTE = 1024**2


def png_bomb(edge: int = 60_000) -> bytes:
    """A small file that decodes to very many black pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(1000 * (edge // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(10 * MEGABYTE))
    return buffer.getvalue()


SHAPE = shapes.encoded(shapes.draw(1))
FULL_FORM = form(picture(SHAPE))
BODIES = {
    "nothing": (FORM, b"", 422),
    "an end only": (FORM, f"--{BOUNDARY}--\r\n".encode(), 422),
    "half a form": (FORM, FULL_FORM[: len(FULL_FORM) // 2], 422),
    "half a header": (FORM, FULL_FORM[:40], 422),
    "another boundary": ("multipart/form-data; boundary=other", FULL_FORM, 400),
    "no boundary": ("multipart/form-data", FULL_FORM, 400),
    "an empty boundary": ("multipart/form-data; boundary=", FULL_FORM, 400),
    "a long boundary": (f"multipart/form-data; boundary={'b' * 4000}", FULL_FORM, 400),
    "no form": (FORM, b"\x00\xff" * 5000, 400),
    "an undefined charset": (f"{FORM}; charset=undefined", FULL_FORM, 400),
    "lone surrogates in a name": (f"{FORM}; charset=utf-7", form(picture(b"x", b"+2AA-")), 422),
    "a part without a name": (FORM, form(b"Content-Disposition: form-data\r\n\r\nx"), 400),
    "a thousand pictures": (FORM, form(*[picture(b"x")] * 1000), 422),
    "a thousand fields": (FORM, form(*[value("top", "1")] * 1000), 400),
    "a thousand headers": (FORM, form(b"X-A: b\r\n" * 1000 + picture(SHAPE)), 400),
    "a megabyte of text": (FORM, form(value("model", "m" * MEGABYTE)), 400),
    "a picture as text": (FORM, form(value("picture", "a.jpg")), 422),
    "text as a picture": (FORM, form(picture(b"I am a picture")), 422),
    "an empty picture": (FORM, form(picture(b"")), 422),
    "half a picture": (FORM, form(picture(SHAPE[:600])), 422),
    "far more pixels than bytes": (FORM, form(picture(png_bomb())), 422),
    "a zip bomb": (FORM, form(picture(zip_bomb(), "a.zip")), 422),
    "a script": (FORM, form(picture(b"<svg onload=alert(1)>", "a.svg")), 422),
    "a binary name": (FORM, form(picture(b"x", bytes(range(1, 10)) + b"\xff\xfe/../a")), 422),
    "a path as a name": (FORM, form(picture(b"x", "../../../etc/passwd")), 422),
    "an unknown field": (FORM, form(picture(SHAPE), value("pictures", "1")), 422),
    "a picture in the wrong field": (FORM, form(picture(SHAPE, field="model")), 422),
    "a file that is a number": (FORM, form(picture(SHAPE), picture(b"3", field="top")), 422),
    "two models": (FORM, form(picture(SHAPE), value("model", ""), value("model", "")), 422),
    "no answers": (FORM, form(picture(SHAPE), value("top", "0")), 422),
    "a negative number of answers": (FORM, form(picture(SHAPE), value("top", "-1")), 422),
    "too many answers": (FORM, form(picture(SHAPE), value("top", "11")), 422),
    "not a number": (FORM, form(picture(SHAPE), value("top", "NaN")), 422),
    "half an answer": (FORM, form(picture(SHAPE), value("top", "1.5")), 422),
    "digits of another script": (FORM, form(picture(SHAPE), value("top", "٣")), 422),
    "not a boolean": (FORM, form(picture(SHAPE), value("heatmap", "maybe")), 422),
    "a folder as a model": (FORM, form(picture(SHAPE), value("model", str(runs.SAMPLE))), 404),
    "a path as a model": (
        FORM,
        form(picture(SHAPE), value("model", "../../etc/passwd")),
        404,
    ),
    "control characters": (
        FORM,
        form(picture(SHAPE), value("model", "a\x00b\n\x1b[31m")),
        404,
    ),
    "an unknown run": (FORM, form(picture(SHAPE), value("model", "0" * 32)), 404),
    "a backbone not prepared": (FORM, form(picture(SHAPE), value("model", "resnet50")), 404),
    "the backbone of the tests": (FORM, form(picture(SHAPE), value("model", "tiny")), 404),
    "an empty body": ("image/png", b"", 422),
    "text that says it is a picture": ("image/jpeg", b"hello", 422),
    "a form that says it is a picture": ("image/jpeg", FULL_FORM, 422),
    "JSON": ("application/json", b"{}", 415),
    "a URL-encoded form": ("application/x-www-form-urlencoded", b"picture=a", 415),
    "bytes": ("application/octet-stream", SHAPE, 415),
    "no content type": ("", SHAPE, 415),
    "a content type that is not text": ("\xff/\xfe", SHAPE, 415),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused_in_one_sentence(name: str, client: Client) -> None:
    content_type, body, status = BODIES[name]
    reply = client.post(body, content_type)
    assert (reply.status, bool(reply.error)) == (status, True)


def test_an_error_quotes_only_a_few_printable_ascii_characters(client: Client) -> None:
    error = client.predict(picture(SHAPE), value("model", "\x1b[31m" + "m" * 900)).error
    assert error.isascii() and error.isprintable() and len(error) < 200


def test_a_file_name_that_json_cannot_hold_is_replaced(client: Client) -> None:
    reply = client.post(form(picture(SHAPE, b"+2AA-.jpg")), f"{FORM}; charset=utf-7")
    assert reply.json["pictures"][0]["file"] == "?.jpg"


def test_hostile_bodies_take_little_memory(client: Client, server: Server) -> None:
    client.predict(picture(SHAPE))
    before = server.memory()
    for name in ("far more pixels than bytes", "a zip bomb", "a thousand pictures"):
        content_type, body, _ = BODIES[name]
        client.post(body, content_type)
    assert server.memory() - before < 100 * MEGABYTE


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_another_method_is_refused(method: str, client: Client) -> None:
    reply = client.request("/api/predict", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert method == "HEAD" or method in reply.error


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/predict/", "/api/models/x", "/api/Predict"]
)
def test_an_unknown_path_is_404_and_no_page(path: str, client: Client) -> None:
    for method in ("GET", "POST"):
        reply = client.request(path, method=method)
        assert reply.status == 404 and "/api/predict" in reply.error


@pytest.mark.parametrize("path", ["/api/../etc/passwd", "/api/..%2f..%2fetc%2fpasswd", "/api/%00"])
def test_path_traversal_is_refused(path: str, client: Client) -> None:
    assert 400 <= client.request(path).status < 500


@pytest.mark.parametrize("length", ["-1", "many", "9" * 5000, "1, 2"])
def test_an_invalid_content_length_is_refused(length: str, client: Client) -> None:
    reply = client.request("/api/predict", method="POST", Content_Type=FORM, Content_Length=length)
    assert 400 <= reply.status < 500


def test_clients_that_disconnect_leave_nothing_behind(client: Client, server: Server) -> None:
    url = urlsplit(server.url)
    head = f"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\n"
    for cut in (10, 200, len(FULL_FORM)):
        with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
            length = f"Content-Length: {len(FULL_FORM)}\r\n\r\n"
            connection.sendall((head + length).encode() + FULL_FORM[:cut])
    assert client.predict(picture(SHAPE)).status == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_randomly_changed_form_is_answered_or_refused(
    data: st.DataObject, client: Client
) -> None:
    body = bytearray(form(picture(SHAPE), value("top", "2"), value("heatmap", "true")))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(0, 40))
        body[start : start + length] = data.draw(st.binary(max_size=40))
        body = body or bytearray(b"x")
    reply = client.post(bytes(body))
    assert reply.status == 200 or reply.error
