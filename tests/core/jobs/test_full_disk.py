"""A disk that is really full, and stays so, while a job runs."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs import JobFolder, State
from core.jobs.folder import JobSpec


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A separate disk of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may mount nothing")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_job_on_a_full_disk_can_be_cancelled_and_its_end_is_recorded(small_disk: Path) -> None:
    job = JobFolder(small_disk / "job")
    job.open(JobSpec(kind="intake", arguments={}))
    job.begin()
    with contextlib.suppress(OSError), (small_disk / "filling").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    job.request_cancel()
    assert job.cancel_requested
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "more").write_bytes(bytes(128 * 1024))
    job.end(State.FAILED, "The disk is full.")
    assert JobFolder(job.path).recorded().state is State.FAILED
    assert [path.name for path in job.path.iterdir() if path.name.startswith(".")] == []
