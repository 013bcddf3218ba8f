"""What needs the handlers in this process: slow clients, concurrency and bugs."""

import json
import logging
from collections.abc import Awaitable, Callable

import anyio
import pytest

from api import access, parsing, routes
from api.model_cache import ModelCache
from core.settings import Settings
from tests import loop
from tests.api.client import FORM, form, picture

Message = dict[str, object]
Receive = Callable[[], Awaitable[Message]]
Reply = tuple[int, dict[bytes, bytes], str]


class Caller:
    """Calls the routes without a server."""

    def __init__(self, settings: Settings) -> None:
        self._route = routes(settings)[0]
        self.sent: list[Message] = []

    async def predict(self, receive: Receive) -> Reply:
        """Status, headers and message of the reply to a form; `receive` yields its body."""
        self.sent = sent = []

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
        _, matched = self._route.matches(scope)
        await self._route.handle(scope | matched, receive, send)
        return reply(sent)


def reply(sent: list[Message]) -> Reply:
    start, *body_messages = sent
    content = json.loads(b"".join(message.get("body", b"") for message in body_messages))
    return start["status"], dict(start["headers"]), content.get("error", "")


async def never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


def full_body(content: bytes) -> Receive:
    """Yields a form with one picture, then waits like an open connection."""
    messages = [{"type": "http.request", "body": form(picture(content)), "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await never()

    return receive


def test_a_request_that_arrives_too_slowly_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "TIMEOUT_SECONDS", 0.1)
    status, _, message = loop.run(Caller(settings).predict, never)
    assert status == 408 and "0.1 s" in message


def test_more_concurrent_requests_than_allowed_are_told_to_retry(
    settings: Settings, shape: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "MAX_ARRIVING_OF_CLIENT", 2)
    monkeypatch.setattr(parsing, "TIMEOUT_SECONDS", 2)
    caller = Caller(settings)
    arriving = anyio.Semaphore(0)

    async def arrive_slowly() -> Message:
        arriving.release()
        return await never()

    async def requests() -> list[Reply]:
        async with anyio.create_task_group() as task_group:
            for _ in range(2):
                task_group.start_soon(caller.predict, arrive_slowly)
                await arriving.acquire()
            rejected = await caller.predict(full_body(shape))
        return [rejected, await caller.predict(full_body(shape))]

    rejected, accepted = loop.run(requests)
    assert (rejected[0], accepted[0]) == (429, 200)
    assert rejected[1][b"retry-after"] == b"1"


def test_a_bug_is_logged_with_an_id_and_shown_by_that_id_only(
    settings: Settings,
    shape: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_self: ModelCache, _name: str) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(ModelCache, "classifier", fail)
    caller = Caller(settings)
    # Starlette raises the exception again for the server's log.
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        loop.run(caller.predict, full_body(shape))
    status, _, message = reply(caller.sent)
    assert status == 500 and "secret" not in message
    (record,) = [record for record in caplog.records if record.name == "api.errors"]
    assert record.getMessage().partition(":")[0] in message and record.exc_info
