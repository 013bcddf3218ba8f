"""Whatever is sent, the answer is a status from 400 to 499 and one sentence."""

import io
import socket
import struct
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
    """A small file of very many black pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", edge, edge, 1, 0, 0, 0, 0))
    rows = zlib.compress(bytes(1000 * (edge // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def zip_bomb() -> bytes:
    """A zip, which is no picture."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(10 * MEGABYTE))
    return buffer.getvalue()


SHAPE = shapes.encoded(shapes.draw(1))
WHOLE = form(picture(SHAPE))
BODIES = {
    "nothing": (FORM, b"", 422),
    "an end only": (FORM, f"--{BOUNDARY}--\r\n".encode(), 422),
    "half a form": (FORM, WHOLE[: len(WHOLE) // 2], 422),
    "half a header": (FORM, WHOLE[:40], 422),
    "another boundary": ("multipart/form-data; boundary=other", WHOLE, 400),
    "no boundary": ("multipart/form-data", WHOLE, 400),
    "an empty boundary": ("multipart/form-data; boundary=", WHOLE, 400),
    "a long boundary": (f"multipart/form-data; boundary={'b' * 4000}", WHOLE, 400),
    "no form at all": (FORM, b"\x00\xff" * 5000, 400),
    "a character set that is none": (f"{FORM}; charset=undefined", WHOLE, 400),
    "half characters in a name": (f"{FORM}; charset=utf-7", form(picture(b"x", b"+2AA-")), 422),
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
    "a climbing name": (FORM, form(picture(b"x", "../../../etc/passwd")), 422),
    "an unknown field": (FORM, form(picture(SHAPE), value("pictures", "1")), 422),
    "a picture in the wrong field": (FORM, form(picture(SHAPE, field="model")), 422),
    "a file that is a number": (FORM, form(picture(SHAPE), picture(b"3", field="top")), 422),
    "two models": (FORM, form(picture(SHAPE), value("model", ""), value("model", "")), 422),
    "no answers": (FORM, form(picture(SHAPE), value("top", "0")), 422),
    "fewer than none": (FORM, form(picture(SHAPE), value("top", "-1")), 422),
    "too many answers": (FORM, form(picture(SHAPE), value("top", "11")), 422),
    "not a number": (FORM, form(picture(SHAPE), value("top", "NaN")), 422),
    "half an answer": (FORM, form(picture(SHAPE), value("top", "1.5")), 422),
    "digits of another script": (FORM, form(picture(SHAPE), value("top", "٣")), 422),
    "neither true nor false": (FORM, form(picture(SHAPE), value("heatmap", "maybe")), 422),
    "a folder for a model": (FORM, form(picture(SHAPE), value("model", str(runs.SAMPLE))), 404),
    "a climbing model": (FORM, form(picture(SHAPE), value("model", "../../etc/passwd")), 404),
    "a model that is zero": (FORM, form(picture(SHAPE), value("model", "a\x00b\n\x1b[31m")), 404),
    "a run that is not there": (FORM, form(picture(SHAPE), value("model", "0" * 32)), 404),
    "a backbone not prepared": (FORM, form(picture(SHAPE), value("model", "resnet50")), 404),
    "a backbone for tests": (FORM, form(picture(SHAPE), value("model", "tiny")), 404),
    "a picture without a form": ("image/png", b"", 422),
    "text that says it is a picture": ("image/jpeg", b"hello", 422),
    "a form that says it is a picture": ("image/jpeg", WHOLE, 422),
    "JSON": ("application/json", b"{}", 415),
    "an address": ("application/x-www-form-urlencoded", b"picture=a", 415),
    "bytes": ("application/octet-stream", SHAPE, 415),
    "no kind": ("", SHAPE, 415),
    "a kind that is none": ("\xff/\xfe", SHAPE, 415),
}


@pytest.mark.parametrize("which", BODIES)
def test_a_hostile_body_is_refused_in_one_sentence(which: str, client: Client) -> None:
    kind, body, status = BODIES[which]
    path, headers = "/api/predict", {"Content-Type": kind}
    reply = client.ask(path, method="POST", body=body, headers=headers)
    assert (reply.status, bool(reply.refusal)) == (status, True)


def test_a_refusal_repeats_no_more_than_a_few_plain_letters(client: Client) -> None:
    refused = client.predict(picture(SHAPE), value("model", "\x1b[31m" + "m" * 900)).refusal
    assert refused.isascii() and refused.isprintable() and len(refused) < 200


def test_a_name_that_json_cannot_hold_is_mended(client: Client) -> None:
    reply = client.predict(picture(SHAPE, b"+2AA-.jpg"), kind=f"{FORM}; charset=utf-7")
    assert reply.json["pictures"][0]["file"] == "?.jpg"


def test_hostile_bodies_take_little_memory(client: Client, server: Server) -> None:
    client.predict(picture(SHAPE))
    before = server.memory()
    for which in ("far more pixels than bytes", "a zip bomb", "a thousand pictures"):
        kind, body, _ = BODIES[which]
        client.ask("/api/predict", method="POST", body=body, headers={"Content-Type": kind})
    assert server.memory() - before < 100 * MEGABYTE


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_another_method_is_refused(method: str, client: Client) -> None:
    reply = client.ask("/api/predict", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    if method != "HEAD":
        assert reply.refusal == f"Expected POST, found {method}."


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/predict/", "/api/models/x", "/api/Predict"]
)
def test_what_is_not_there_is_not_taken_for_a_page(path: str, client: Client) -> None:
    for method in ("GET", "POST"):
        reply = client.ask(path, method=method)
        assert reply.status == 404
        assert reply.refusal.startswith("Nothing is at this address.")


def test_a_path_that_climbs_is_refused(client: Client) -> None:
    for path in ("/api/../etc/passwd", "/api/..%2f..%2fetc%2fpasswd", "/api/%00"):
        assert 400 <= client.ask(path).status < 500


@pytest.mark.parametrize("length", ["-1", "many", "9" * 5000, "1, 2"])
def test_a_length_that_is_none_is_refused(length: str, client: Client) -> None:
    headers = {"Content-Type": FORM, "Content-Length": length}
    assert 400 <= client.ask("/api/predict", method="POST", headers=headers).status < 500


def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(
    client: Client, server: Server
) -> None:
    there = urlsplit(server.url)
    for cut in (10, 200, len(WHOLE)):
        with socket.create_connection((there.hostname, there.port), timeout=10) as line:
            head = f"POST /api/predict HTTP/1.1\r\nHost: a\r\nContent-Type: {FORM}\r\n"
            line.sendall(f"{head}Content-Length: {len(WHOLE)}\r\n\r\n".encode() + WHOLE[:cut])
    assert client.predict(picture(SHAPE)).status == 200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_form_with_anything_changed_is_answered_or_refused(
    data: st.DataObject, client: Client
) -> None:
    body = bytearray(form(picture(SHAPE), value("top", "2"), value("heatmap", "true")))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(0, 40))
        body[place : place + length] = data.draw(st.binary(max_size=40))
        body = body or bytearray(b"x")
    headers = {"Content-Type": FORM}
    reply = client.ask("/api/predict", method="POST", body=bytes(body), headers=headers)
    assert reply.status == 200 or reply.refusal
