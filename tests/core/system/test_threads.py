"""Work goes on a bounded number of items ahead of whoever reads the results."""

import threading
import time

import pytest

from core.system import threads as ahead


def results(work, items, threads=3, most=4):
    return ahead.map_ordered(work, items, threads=threads, most=most, name="test-ahead")


def alive():
    return [t for t in threading.enumerate() if t.name.startswith("test-ahead")]


def test_results_come_in_the_order_of_the_items_however_long_each_takes():
    def work(item):
        time.sleep(0.02 * (3 - item % 4))
        return item * item

    assert list(results(work, range(12))) == [item * item for item in range(12)]


def test_no_more_is_begun_than_may_wait():
    begun = []
    reading = results(begun.append, range(100))
    next(reading)
    time.sleep(0.1)
    assert len(begun) == 5
    reading.close()


def test_a_fault_is_raised_in_its_turn_and_ends_the_threads():
    def work(item):
        return 1 // (3 - item)

    reading = results(work, range(50))
    assert [next(reading) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(reading)
    assert not alive()


def test_closing_ends_the_threads_and_leaves_what_waits():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.02)

    reading = results(work, range(100), threads=1, most=50)
    next(reading)
    reading.close()
    assert not alive()
    assert len(begun) < 20
