import re

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.types import Message

import api
from core.system import visitors
from tests import loop

TOKEN = "0123456789abcdef" * 2
SITE = Starlette(
    routes=[
        Route("/", lambda _: HTMLResponse("<html>", headers={"cache-control": "public"})),
        Route("/data", lambda _: JSONResponse({}, headers={"cache-control": "public"})),
    ],
    middleware=[Middleware(api.VisitorCookie)],
)


def response(path: str = "/", scheme: str = "http", **headers: str) -> Headers:
    """The headers of the site's response, without a server."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "scheme": scheme, "path": path, "headers": raw}
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    loop.run(SITE, scope | {"query_string": b"", "root_path": ""}, receive, send)
    return Headers(raw=sent[0]["headers"])


def cookie(path: str = "/", scheme: str = "http", **headers: str) -> str:
    """The cookie that the response sets; empty if it sets none."""
    return response(path, scheme, **headers).get("set-cookie", "")


def token(set_cookie: str) -> str:
    match = re.match(rf"{visitors.COOKIE}=(\w+); ", set_cookie)
    assert match, set_cookie
    return match[1]


def test_a_page_gives_a_new_visitor_a_random_token() -> None:
    first, second = cookie(), cookie()
    assert visitors.is_token(token(first)) and token(first) != token(second)
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"):
        assert attribute in first
    assert "Secure" not in first


@pytest.mark.parametrize(
    "sent", [f"other=1; {visitors.COOKIE}={TOKEN}", f'a={{"b":1}}; {visitors.COOKIE}={TOKEN}; c="x']
)
def test_a_visitor_keeps_their_token_whatever_other_cookies_there_are(sent: str) -> None:
    assert token(cookie(cookie=sent)) == TOKEN


@pytest.mark.parametrize(
    "wrong", ["", "x", "../../etc", TOKEN.upper(), f"{TOKEN}0", '"a\\012b"', "a\x00;;=,"]
)
def test_an_invalid_token_is_replaced(wrong: str) -> None:
    replaced = token(cookie(cookie=f"{visitors.COOKIE}={wrong}"))
    assert visitors.is_token(replaced) and replaced != wrong


def test_a_cookie_set_over_https_is_sent_over_https_only() -> None:
    assert cookie(scheme="https").endswith("; Secure")
    assert cookie(x_forwarded_proto="https").endswith("; Secure")


def test_only_pages_set_the_cookie_and_caches_do_not_store_them() -> None:
    assert cookie("/data") == cookie("/nothing") == ""
    assert response("/")["cache-control"] == "no-store"
    assert response("/data")["cache-control"] == "public"
