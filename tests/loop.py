"""Run what is asynchronous in a thread of its own; a browser that is driven keeps this one."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

Result = TypeVar("Result")


def run(function: Callable[..., Awaitable[Result]], *arguments: object) -> Result:
    """What the function gives or raises."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, function, *arguments).result()
