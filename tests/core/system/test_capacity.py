"""Free memory is that of the machine, or less in a container; free disk that of the file system."""

from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest

from core.errors import NotEnoughResources
from core.settings import MEGABYTE
from core.system import capacity


def write_cgroup(folder: Path, **content: object) -> None:
    """A control group; `__` in names stands for a dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in content.items():
        (folder / name.replace("__", ".")).write_text(f"{value}\n")


def test_free_memory_is_that_of_the_machine_if_nothing_limits_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = psutil.virtual_memory()._replace(available=12_345)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert capacity.free_memory(tmp_path, tmp_path / "none") == 12_345


def test_a_container_limits_what_is_free(tmp_path: Path) -> None:
    cgroup_file = tmp_path / "cgroup"
    cgroup_file.write_text("0::/app/worker\n")
    statistics = f"anon 5\ninactive_file {100 * MEGABYTE}"
    write_cgroup(tmp_path / "app", memory__max=700 * MEGABYTE, memory__current=400 * MEGABYTE)
    write_cgroup(tmp_path / "app", memory__stat=statistics)
    write_cgroup(
        tmp_path / "app/worker", memory__max="max", memory__current=1, memory__stat="anon 1"
    )
    assert capacity.free_memory(tmp_path, cgroup_file) == 400 * MEGABYTE


def test_a_container_that_shows_its_group_as_the_root_limits_it_too(tmp_path: Path) -> None:
    cgroup_file = tmp_path / "cgroup"
    cgroup_file.write_text("0::/\n")
    write_cgroup(tmp_path, memory__max=MEGABYTE, memory__current=0, memory__stat="anon 0")
    assert capacity.free_memory(tmp_path, cgroup_file) == MEGABYTE


def test_version_1_of_control_groups_is_read_as_well(tmp_path: Path) -> None:
    cgroup_file = tmp_path / "cgroup"
    cgroup_file.write_text("5:cpu:/x\n4:memory:/box\n0::/\n")
    write_cgroup(
        tmp_path / "memory/box",
        memory__limit_in_bytes=3 * MEGABYTE,
        memory__usage_in_bytes=2 * MEGABYTE,
        memory__stat=f"total_inactive_file {MEGABYTE}",
    )
    assert capacity.free_memory(tmp_path, cgroup_file) == 2 * MEGABYTE


def test_free_disk_is_known_before_the_folder_exists(tmp_path: Path) -> None:
    assert capacity.free_disk(tmp_path / "not" / "yet") > 0


def test_writing_leaves_some_of_the_disk_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "free_disk", lambda _: 300 * MEGABYTE)
    capacity.require_disk(tmp_path)
    capacity.require_disk(tmp_path, 44 * MEGABYTE)
    with pytest.raises(NotEnoughResources, match=r"301 MB of free disk.* 300 MB"):
        capacity.require_disk(tmp_path, 45 * MEGABYTE)


@pytest.mark.parametrize(("share", "enough"), [(0.8, True), (0.95, False)])
def test_a_tenth_of_the_free_memory_and_disk_is_spared(share: float, *, enough: bool) -> None:
    refusal = pytest.raises(NotEnoughResources, match=r"free disk, found .+ Advice\.")
    with nullcontext() if enough else refusal:
        capacity.require("disk", share * 2000 * MEGABYTE, 2000 * MEGABYTE, "Advice.")
