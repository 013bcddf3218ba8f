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


def test_a_job_and_its_threads_have_the_reserved_cores(tmp_path: Path) -> None:
    before = threads.cores()
    with cores.reserved(1, tmp_path), ThreadPoolExecutor(1) as pool:
        assert threads.cores() == 1
        assert pool.submit(threads.cores).result() == 1
    assert threads.cores() == before


def test_two_jobs_have_different_cores_and_a_third_keeps_all(tmp_path: Path) -> None:
    all_cores = os.sched_getaffinity(0)
    if len(all_cores) < 2:
        pytest.skip("this machine has one core")

    def reserved_cores() -> set[int]:
        with cores.reserved(1, tmp_path):
            return os.sched_getaffinity(0)

    with ThreadPoolExecutor(1) as pool, cores.reserved(1, tmp_path):
        own_cores = os.sched_getaffinity(0)
        pool.submit(os.sched_setaffinity, 0, all_cores).result()
        assert not own_cores & pool.submit(reserved_cores).result()
    with cores.reserved(len(all_cores), tmp_path), ThreadPoolExecutor(1) as pool:
        assert pool.submit(reserved_cores).result() == all_cores
