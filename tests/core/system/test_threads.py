import threading
import time
from contextlib import ExitStack

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from core.system import threads
from tests.core.jobs.at_work import wait_until


def results(work, items, count=3, most=4):
    return threads.map_ordered(work, items, threads=count, most=most, name="test-map")


def running_threads():
    return [t for t in threading.enumerate() if t.name.startswith("test-map")]


def test_results_come_in_the_order_of_the_items():
    def work(item):
        time.sleep(0.02 * (3 - item % 4))
        return item * item

    assert list(results(work, range(12))) == [item * item for item in range(12)]


def test_no_more_items_are_started_than_may_wait():
    started = []
    reading = results(started.append, range(100))
    next(reading)
    wait_until(lambda: len(started) >= 5)
    time.sleep(0.1)
    assert len(started) == 5
    reading.close()


def test_an_exception_is_raised_in_its_turn_and_stops_the_threads():
    reading = results(lambda item: 1 // (3 - item), range(50))
    assert [next(reading) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(reading)
    assert not running_threads()


def test_closing_stops_the_threads_and_drops_waiting_items():
    started = []

    def work(item):
        started.append(item)
        time.sleep(0.1)

    reading = results(work, range(100), count=1, most=50)
    next(reading)
    reading.close()
    assert not running_threads()
    assert len(started) < 40, "of the 50 that may wait"


def test_an_object_of_a_pool_serves_one_thread_at_a_time():
    pool, most = threads.Pool([[], []]), []

    def work(item):
        with pool.borrowed() as users:
            users.append(item)
            time.sleep(0.01)
            most.append(len(users))
            users.remove(item)
            if item % 4 == 0:
                raise ZeroDivisionError

    for item in range(3):
        with pytest.raises(ZeroDivisionError):
            list(results(work, [4 * item, 1, 2, 3], count=4))
    assert set(most) == {1}


def blas_threads():
    return {row["num_threads"] for row in threadpool_info() if row["user_api"] == "blas"}


def test_the_limit_of_blas_ends_with_the_last_of_several_callers():
    with threadpool_limits(2, user_api="blas"):
        first, second = ExitStack(), ExitStack()
        for caller in (first, second):
            caller.enter_context(threads.ONE_BLAS_THREAD)
        first.close()
        assert blas_threads() == {1}
        second.close()
        assert blas_threads() == {2}
