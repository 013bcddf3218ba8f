"""Hand files from one machine to another by storage: a folder that they share, or a bucket.

Storage is whatever fsspec can write to. Files travel as one archive, since a bucket wants few
files; it gets its name only when it is whole.
"""

from __future__ import annotations

import secrets
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def prepare(place: str) -> None:
    """Make a folder in storage, and see whether it takes files and lets go of them.

    Args:
        place: of the folder, as fsspec names it; what it lies in must be there.

    Raises:
        PermissionError: files cannot be deleted there.
        Exception: whatever fsspec, or what it has for such an address, finds wrong with it.
    """
    import fsspec

    storage, root = fsspec.url_to_fs(place)
    with suppress(FileExistsError):
        storage.mkdir(root, create_parents=False)  # else a bucket would be made of a slip
    tried = f"{root}/tried"
    storage.pipe_file(tried, b"tusker")
    storage.rm_file(tried)
    if storage.exists(tried):
        raise PermissionError("storage does not delete what it took")


def put(paths: Iterable[tuple[Path, str]], place: str) -> str:
    """Put files or folders into a folder in storage, as one archive. Raises as `prepare`.

    Args:
        paths: each with the name that it has in the archive.

    Returns:
        Address of the archive.
    """
    import fsspec

    # A name of its own: somebody who was given up may yet do the same.
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
    """Unpack an archive into a folder. Raises as `prepare`, and OSError where it does not fit."""
    import fsspec

    storage, path = fsspec.url_to_fs(address)
    with storage.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
        archive.extractall(folder, filter="data")


def remove(address: str) -> None:
    """Delete an archive, or a folder with all that is in it. Raises as `prepare`."""
    import fsspec

    storage, path = fsspec.url_to_fs(address)
    storage.rm(path, recursive=True)
