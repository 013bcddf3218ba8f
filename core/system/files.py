"""Write files so that a reader meets the old one or the new one, never half of one."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1024 * 1024


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block succeeds.

    It keeps the suffix, which some writers insist on. The content is flushed to disk before it
    is renamed; on any error it is removed.
    """
    temporary = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of a file at once."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace the content of a file at once, as UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def temporary_prefix(prefix: str, pid: int | None = None) -> str:
    """A prefix for temporary files that says whose they are: `.prepare-` → `.prepare-4711@host-`.

    The machine is named too: others that share the folder have processes of the same numbers.

    Args:
        pid: of the process of this machine that writes them; this one's if None.
    """
    return f"{prefix}{_whose(os.getpid() if pid is None else pid)}-"


def forget(folder: Path, pid: int) -> None:
    """Remove what a process of this machine that is gone left in a folder under its own names."""
    for path in folder.glob(".*"):
        if path.name.split("-")[1:2] == [_whose(pid)]:
            remove(path)


def _whose(pid: int) -> str:
    # A hyphen would end it.
    return f"{pid}@{re.sub('[^A-Za-z0-9.]', '_', socket.gethostname())}"


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, as far as that can be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def size(folder: Path | str) -> int:
    """Bytes of all files in a folder; those that go meanwhile are not counted."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                inside = entry.is_dir(follow_symlinks=False)
                total += size(entry.path) if inside else entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
