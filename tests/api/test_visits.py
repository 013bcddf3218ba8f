"""The cookie by which a visitor of a public host is known again."""

import re

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

import api
from api.visits import _token
from core.system import visitors
from tests import loop

TOKEN = "0123456789abcdef" * 2


def page(_: Request) -> Response:
    return HTMLResponse("<html>", headers={"cache-control": "public, max-age=60"})


def data(_: Request) -> Response:
    return JSONResponse({}, headers={"cache-control": "public"})


SITE = Starlette(
    routes=[Route("/", page), Route("/data", data)], middleware=[Middleware(api.Visits)]
)


def answer(path: str = "/", scheme: str = "http", **headers: str) -> Headers:
    """What the site says to a request, without a server between."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": scheme, "path": path, "headers": raw}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    loop.run(SITE, scope | {"query_string": b"", "root_path": ""}, receive, send)
    return Headers(raw=sent[0]["headers"])


def given(path: str = "/", scheme: str = "http", **headers: str) -> str:
    """The cookie in the answer; empty for none."""
    return answer(path, scheme, **headers).get("set-cookie", "")


def token(cookie: str) -> str:
    found = re.match(rf"{visitors.COOKIE}=(\w+); ", cookie)
    assert found, cookie
    return found[1]


def test_a_page_gives_a_new_visitor_a_random_token() -> None:
    first, second = given(), given()
    assert visitors.is_token(token(first)) and token(first) != token(second)
    for said in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"):
        assert said in first
    assert "Secure" not in first


def test_a_visitor_who_comes_back_keeps_theirs() -> None:
    assert token(given(cookie=f"other=1; {visitors.COOKIE}={TOKEN}")) == TOKEN


def test_what_is_no_token_is_replaced_and_never_repeated() -> None:
    for wrong in ("", "x", "../../etc", TOKEN.upper(), f"{TOKEN}0", '"a\\012b"', "a\x00;;=,"):
        found = token(given(cookie=f"{visitors.COOKIE}={wrong}"))
        assert visitors.is_token(found) and found != wrong


def test_by_https_the_cookie_goes_by_https_alone() -> None:
    assert given(scheme="https").endswith("; Secure")
    assert given(x_forwarded_proto="https").endswith("; Secure")


def test_only_pages_bear_it_and_no_store_on_the_way_keeps_them() -> None:
    assert given("/data") == "" == given("/nothing")
    assert answer("/")["cache-control"] == "no-store"
    assert answer("/data")["cache-control"] == "public"


def test_a_neighbours_cookie_that_is_odd_makes_nobody_a_stranger():
    token = visitors.new_token()
    header = f'consent={{"a":1}}; {visitors.COOKIE}={token}; other="x'
    assert _token(Headers({"cookie": header})) == token
