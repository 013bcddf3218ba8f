"""Work on several threads: map in order, share objects, and limit the threads of BLAS."""

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ordered(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    most: int,
    name: str,
    stopped: threading.Event | None = None,
) -> Generator[Result]:
    """Apply `work` to each item, a bounded number of items ahead of the reader.

    Closing the generator stops the threads; items that still wait are dropped.

    Args:
        work: called on a thread; its exceptions are raised here, in the item's turn.
        most: results that may wait to be read.
        name: prefix of the threads' names.
        stopped: set at the end, before work that still runs is waited for.

    Yields:
        Results in the order of the items.
    """
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            if stopped is not None:
                stopped.set()
            for future in waiting:
                future.cancel()


class Pool(Generic[Item]):
    """Objects that serve one thread at a time, such as interpreters."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._idle: queue.SimpleQueue[Item] = queue.SimpleQueue()
        for item in items:
            self._idle.put(item)

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[Item]:
        """Wait for an idle object, and return it afterwards."""
        item = self._idle.get()
        try:
            yield item
        finally:
            self._idle.put(item)


class _OneBlasThread(contextlib.AbstractContextManager[None]):
    """Limits BLAS to one thread: matrices of a head take several times longer on two.

    The limit holds for the whole process, so the last of several callers lifts it.
    """

    def __init__(self) -> None:
        self._lock, self._callers, self._limit = threading.Lock(), 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._callers:
                self._limit.enter_context(threadpool_limits(1, user_api="blas"))
            self._callers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._callers -= 1
            if not self._callers:
                self._limit.close()


ONE_BLAS_THREAD = _OneBlasThread()


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1
