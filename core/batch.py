"""Ask a model about many pictures on all cores, in order, with bounded memory."""

from __future__ import annotations

import os
import queue
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from core.classifier import Classifier

Item = TypeVar("Item")
Result = TypeVar("Result")
CORES = os.cpu_count() or 1


def each(
    build: Callable[[], Classifier],
    items: Sequence[Item],
    ask: Callable[[Classifier, Item], Result],
) -> Iterator[Result]:
    """Apply `ask` to every item, a core and a classifier of its own each.

    Args:
        build: makes a classifier; called once a core.
        ask: may decode and predict; what it raises is raised here.

    Yields:
        Results in the order of the items.
    """
    count = max(1, min(CORES, len(items)))
    idle: queue.SimpleQueue[Classifier] = queue.SimpleQueue()
    for _ in range(count):
        idle.put(build())

    def one(item: Item) -> Result:
        classifier = idle.get()
        try:
            return ask(classifier, item)
        finally:
            idle.put(classifier)

    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, thread_name_prefix="predict") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(one, item))
                if len(waiting) > 4 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
