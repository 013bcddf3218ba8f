"""Ask a model about many pictures on all cores, in order, with bounded memory."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from core import ahead
from core.classifier import Classifier

Item = TypeVar("Item")
Result = TypeVar("Result")


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
    count = max(1, min(ahead.cores(), len(items)))
    idle: queue.SimpleQueue[Classifier] = queue.SimpleQueue()
    for _ in range(count):
        idle.put(build())

    def one(item: Item) -> Result:
        classifier = idle.get()
        try:
            return ask(classifier, item)
        finally:
            idle.put(classifier)

    yield from ahead.results(one, items, threads=count, most=4 * count, name="predict")
