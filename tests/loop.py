"""Run a coroutine function in another thread: Playwright runs an event loop in this one."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

Result = TypeVar("Result")


def run(function: Callable[..., Awaitable[Result]], *arguments: object) -> Result:
    """Call the function and return its result."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *arguments).result()
