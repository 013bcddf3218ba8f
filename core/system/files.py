"""Write files atomically, and measure, hash and remove them."""

import contextlib
import hashlib
import os
import posixpath
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1024 * 1024
_REFUSED = re.compile(r'[\x00-\x1f\x7f/\\<>:"|?*\ud800-\udfff]')
RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[1-9¹²³])\s*(\..*)?", re.IGNORECASE)
"""Names that Windows reserves for devices, whatever follows the first dot."""
LONGEST_NAME, LONGEST_SUFFIX = 200, 20
"""Bytes in UTF-8 of a portable name, and of its extension; most systems allow 255."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that replaces `path` when the block succeeds.

    Readers see the old content or the new content, never a part of it. The temporary path keeps
    the suffix, which some writers need. It is removed if the block raises.
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
    """Write a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a file atomically, as UTF-8."""
    write_bytes(path, text.encode("utf-8"))


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder; errors are ignored."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def size(folder: Path | str) -> int:
    """Bytes of all files in a folder; files that vanish meanwhile are not counted."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    total += size(entry.path)
                else:
                    total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total


def modified(path: Path) -> tuple[int, int]:
    """Modification time in ns and size of a file; zeros where there is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def portable_name(name: str) -> str:
    """A file name that Windows, macOS and Linux accept.

    Characters that one of them refuses become `_`, a name that Windows reserves begins with one,
    and a long name is cut before its extension.
    """
    stem, suffix = posixpath.splitext(_REFUSED.sub("_", name).strip(" ."))
    if len(suffix.encode()) > LONGEST_SUFFIX:
        stem, suffix = stem + suffix, ""
    room = LONGEST_NAME - len(suffix.encode())
    stem = stem.encode()[:room].decode(errors="ignore").strip(" .")
    return ("_" if RESERVED.fullmatch(stem) or not stem else "") + stem + suffix


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
