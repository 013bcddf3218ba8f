"""Jobs beside each other on cores of their own."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.distributed import cores
from core.system import threads

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system keeps nobody to a core"
)


def test_a_job_and_what_it_starts_have_as_many_cores_as_were_asked_for(tmp_path: Path) -> None:
    before = threads.cores()
    with cores.reserved(1, tmp_path) as count, ThreadPoolExecutor(1) as pool:
        assert (count, threads.cores()) == (1, 1)
        assert pool.submit(threads.cores).result() == 1
    assert threads.cores() == before


def test_two_jobs_are_on_different_cores_and_a_third_goes_where_it_is_put(tmp_path: Path) -> None:
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        pytest.skip("this machine has one core")

    def where() -> set[int]:
        with cores.reserved(1, tmp_path):
            return os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as pool, cores.reserved(1, tmp_path):
        mine = os.sched_getaffinity(0)
        pool.submit(os.sched_setaffinity, 0, every).result()
        assert not mine & pool.submit(where).result()
    with cores.reserved(len(every), tmp_path), ThreadPoolExecutor(1) as pool:
        assert pool.submit(where).result() == every
