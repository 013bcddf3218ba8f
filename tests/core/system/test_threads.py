import threading
import time

import pytest

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
