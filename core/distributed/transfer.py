"""Send files from one machine to another through storage: a shared folder, or a bucket.

Storage is anything that fsspec can write to. Files are sent as one archive, since buckets are slow
with many files; the archive gets its name only when it is complete.
"""

from __future__ import annotations

import secrets
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def prepare(place: str) -> None:
    """Create a folder in storage, and check that files can be written and deleted there.

    Args:
        place: fsspec address of the folder; its parent must exist.

    Raises:
        PermissionError: files cannot be deleted there.
        Exception: of fsspec, or of its implementation for this kind of storage.
    """
    import fsspec

    storage, root = fsspec.url_to_fs(place)
    with suppress(FileExistsError):
        storage.mkdir(root, create_parents=False)  # a typo must not create a bucket
    probe = f"{root}/probe"
    storage.pipe_file(probe, b"tusker")
    storage.rm_file(probe)
    if storage.exists(probe):
        raise PermissionError("files cannot be deleted from storage")


def put(paths: Iterable[tuple[Path, str]], place: str) -> str:
    """Put files or folders into a folder in storage, as one archive. Raises as `prepare`.

    Args:
        paths: each with its name in the archive.

    Returns:
        Address of the archive.
    """
    import fsspec

    # A random name: a cancelled task may still put the same files.
    address = f"{place}/{secrets.token_hex(8)}.tar"
    storage, path = fsspec.url_to_fs(address)
    with tempfile.NamedTemporaryFile(prefix="tusker-", suffix=".tar") as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for source, name in paths:
                archive.add(source, name)
        packed.flush()
        storage.put_file(packed.name, path)
    return address


def fetch(address: str, folder: Path) -> None:
    """Unpack an archive into a folder. Raises as `prepare`, and OSError where the disk is full."""
    import fsspec

    storage, path = fsspec.url_to_fs(address)
    with storage.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
        archive.extractall(folder, filter="data")


def remove(address: str) -> None:
    """Delete an archive, or a folder with all that is in it. Raises as `prepare`."""
    import fsspec

    storage, path = fsspec.url_to_fs(address)
    storage.rm(path, recursive=True)
