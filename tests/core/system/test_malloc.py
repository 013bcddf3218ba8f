import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.system import malloc

COUNT_ARENAS = """
import ctypes, sys, threading
if sys.argv[1] == "limited":
    from core.system import malloc
    assert malloc.limit_arenas()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = ctypes.c_void_p
barrier = threading.Barrier(16)
def allocate():
    barrier.wait()
    kept = [libc.malloc(50_000) for _ in range(200)]
    barrier.wait()
threads = [threading.Thread(target=allocate) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this system has no glibc")


@glibc
def test_threads_share_two_arenas_once_these_are_limited(tmp_path: Path) -> None:
    counts = {}
    for how in ("default", "limited"):
        command = [sys.executable, "-c", COUNT_ARENAS, how, str(tmp_path / how)]
        root = Path(__file__).parents[3]
        subprocess.run(command, cwd=root, env={"PATH": "/usr/bin"}, check=True)
        counts[how] = (tmp_path / how).read_text().count("<heap nr=")
    assert counts["default"] > malloc.ARENAS >= counts["limited"]


@glibc
def test_trimming_returns_free_memory_to_the_system() -> None:
    resident = psutil.Process().memory_info
    blocks = [bytes(2_000) for _ in range(40_000)]
    last = bytes(2_000)
    before = resident().rss
    del blocks
    assert malloc.trim()
    assert before - resident().rss > 40_000_000, "of 80 MB"
    assert len(last) == 2_000


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not malloc.limit_arenas() and not malloc.trim()
