"""What a real client cannot bring about at will: the slow, the crowd, and a bug."""

import json
import logging
import time
from collections.abc import Awaitable, Callable

import anyio
import pytest

from api import gate, question, routes
from api.kept import Kept
from core.settings import Settings
from tests import loop
from tests.api.client import FORM, form, picture

Message = dict[str, object]
Answer = tuple[int, dict[bytes, bytes], dict]
Receive = Callable[[], Awaitable[Message]]


class Caller:
    """Asks the routes without a server."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint = routes(settings)[0]

    async def predict(self, receive: Receive, sent: list[Message] | None = None) -> Answer:
        """The answer to a form whose body `receive` gives.

        Args:
            receive: what a server would call for the next piece.
            sent: takes what is sent, for who has to do with a bug.
        """
        sent = [] if sent is None else sent

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/predict",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"content-type", FORM.encode())],
            "client": ("192.0.2.1", 1),
        }
        _, inner = self._endpoint.matches(scope)
        await self._endpoint.handle(scope | inner, receive, send)
        return answer(sent)


def answer(sent: list[Message]) -> Answer:
    """Status, headers and JSON of what was sent."""
    start, *rest = sent
    content = b"".join(message.get("body", b"") for message in rest)
    return start["status"], dict(start["headers"]), json.loads(content)


async def never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


def whole(content: bytes) -> Receive:
    """Gives a form with one picture, then waits as a connection that stays open does."""
    left = [{"type": "http.request", "body": form(picture(content)), "more_body": False}]

    async def receive() -> Message:
        return left.pop() if left else await never()

    return receive


def test_what_takes_too_long_to_arrive_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(question, "SECONDS", 0.1)
    begun = time.monotonic()
    status, _, said = loop.run(Caller(settings).predict, never)
    assert time.monotonic() - begun < 3
    assert status == 408
    assert said["error"].startswith("Expected the whole request within 0.1 s.")


def test_a_crowd_is_told_to_come_back_and_nobody_else(
    settings: Settings, shape: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "IN_HAND", 2)
    monkeypatch.setattr(question, "SECONDS", 0.5)
    caller = Caller(settings)

    async def crowd() -> list[int]:
        found = []
        async with anyio.create_task_group() as others:
            others.start_soon(caller.predict, never)
            others.start_soon(caller.predict, never)
            await anyio.sleep(0.1)
            status, headers, _ = await caller.predict(whole(shape))
            assert headers[b"retry-after"] == b"1"
            found.append(status)
        return [*found, (await caller.predict(whole(shape)))[0]]

    assert loop.run(crowd) == [429, 200]


def test_a_bug_is_logged_whole_and_told_by_its_name_only(
    settings: Settings,
    shape: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_self: Kept, _name: str) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(Kept, "classifier", fail)
    sent: list[Message] = []
    # Raised on, so that the server learns of it too.
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        loop.run(Caller(settings).predict, whole(shape), sent)
    status, _, said = answer(sent)
    sentence = said["error"]
    assert status == 500
    assert "secret" not in sentence
    (record,) = [one for one in caplog.records if one.name == "api.refusals"]
    assert record.getMessage().partition(":")[0] in sentence and record.exc_info
