"""Free memory, within the limits of the container, and free disk."""

import contextlib
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from core.errors import NotEnoughResources
from core.system import prose

RESERVE = 256 << 20
"""Bytes of disk that stay free."""
SPARE = 0.1
"""Share of the free memory or disk that planned work leaves free."""
MOUNT = Path("/sys/fs/cgroup")
GROUPS_FILE = Path("/proc/self/cgroup")
FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}
"""By version of control groups: the limit, the usage, and the field of `memory.stat` that counts
cached files."""


def free_memory(mount: Path = MOUNT, groups_file: Path = GROUPS_FILE) -> int:
    """Bytes of memory that are free for this process.

    Args:
        mount: where control groups are mounted, version 1 or 2.
        groups_file: names the control groups of this process.
    """
    import psutil

    return max(0, min(psutil.virtual_memory().available, *_free_in_groups(mount, groups_file)))


def process_memory() -> int:
    """Resident memory of this process, in bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def free_disk(folder: Path) -> int:
    """Bytes that can be written to a folder, which need not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def require_disk(folder: Path, needed: int = 0) -> None:
    """Check that some bytes can be written to a folder and leave `RESERVE` free.

    Raises:
        NotEnoughResources: they cannot.
    """
    if (free := free_disk(folder)) < needed + RESERVE:
        if not needed:  # it is not known how much, and visitors need not know the reserve
            raise NotEnoughResources("The disk of this host is full. Try again later.")
        raise NotEnoughResources(
            f"This needs {prose.size(needed + RESERVE)} of free disk; this host has "
            f"{prose.size(free)}. Try again later, or with less."
        )


def require(
    resource: Literal["memory", "disk"], needed: float, available: int, advice: str
) -> None:
    """Refuse work that would use up memory or disk.

    Args:
        needed, available: bytes.
        advice: what helps, in a sentence.

    Raises:
        NotEnoughResources: the text has both figures and the advice.
    """
    if needed > available * (1 - SPARE):
        raise NotEnoughResources(
            f"Expected about {prose.size(needed)} of free {resource}, "
            f"found {prose.size(available)}. {advice}"
        )


def _free_in_groups(mount: Path, groups_file: Path) -> Iterator[float]:
    """Bytes that are free in each control group around this process that has a limit."""
    yield math.inf
    for line in groups_file.read_text().splitlines() if groups_file.is_file() else ():
        _, controllers, name = line.split(":", 2)
        version = 1 if "memory" in controllers.split(",") else 2
        if version == 2 and controllers:
            continue
        root = mount / "memory" if version == 1 else mount
        folder = root / name.lstrip("/")
        # Inside a container, the group may be shown as the root of the mount.
        for group in (folder, *folder.parents):
            if group.is_relative_to(root):
                with contextlib.suppress(OSError, ValueError):  # "max": there is no limit
                    yield _free_in(group, *FILES[version])


def _free_in(group: Path, limit: str, usage: str, cached: str) -> int:
    """Bytes below a group's limit; cached files count as free."""
    statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
    used = int((group / usage).read_text()) - int(statistics.get(cached, 0))
    return int((group / limit).read_text()) - used
