"""What a crowd leaves in the web process."""

import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.system import memory

POOLS = """
import ctypes, sys, threading
if sys.argv[1] == "bound":
    from core import memory
    assert memory.bound()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(16)
def take():
    together.wait()
    kept = [libc.malloc(50_000) for _ in range(200)]
    together.wait()
threads = [threading.Thread(target=take) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def _pools(how: str, path: Path) -> int:
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", POOLS, how, str(path)]
    subprocess.run(command, cwd=root, env={"PATH": "/usr/bin"}, check=True, timeout=60)
    return path.read_text().count("<heap nr=")


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this system has no glibc")


@glibc
def test_many_threads_share_two_pools_of_memory(tmp_path: Path) -> None:
    assert _pools("as it is", tmp_path / "free") > memory.ARENAS
    assert _pools("bound", tmp_path / "bound") <= memory.ARENAS


@glibc
def test_what_is_free_goes_back_to_the_system(tmp_path: Path) -> None:
    resident = psutil.Process().memory_info
    small = [bytes(2_000) for _ in range(40_000)]
    last = bytes(2_000)
    before = resident().rss
    del small
    assert memory.give_back()
    assert before - resident().rss > 40_000_000, "of 80 MB"
    assert len(last) == 2_000


def test_where_there_is_no_such_thing_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.bound() and not memory.give_back()
