"""Look at a shard of pictures on a machine of a cluster, and hand its features over in storage.

Storage is whatever fsspec can write to: a folder that machines share, or a bucket. Features travel
as one archive a shard, since a bucket wants few files, and each whole.
"""

from __future__ import annotations

import secrets
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core import backbones
from core.dataset import Example
from core.jobs import cores
from core.training import features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.engines import LitertEngine


@dataclass(frozen=True)
class Work:
    """What a machine must know to look at a shard as the training itself would.

    Attributes:
        pictures: folder that the examples' paths are relative to.
        engine: what the features are filed under.
        cut: name of the layer whose activation is kept; None for none.
        model: the LiteRT file that looks.
        into: where features land: a folder, as fsspec names it.
    """

    pictures: Path
    backbone: str
    augmentation: Augmentation
    seed: int
    crop: float
    engine: str
    cut: str | None
    model: Path
    into: str


def look(
    shard: Sequence[Example],
    work: Work,
    model: bytes | None = None,
    contents: Sequence[bytes] | None = None,
) -> str:
    """Look at a shard on one core.

    Args:
        model: the LiteRT file itself, for a machine that does not have it.
        contents: the pictures of the shard likewise.

    Returns:
        Where its features have landed.

    Raises:
        BadImage: a picture cannot be read.
        OSError: a file is not there, or storage does not take what there is.
    """
    with cores.taken(1), tempfile.TemporaryDirectory(prefix="tusker-") as name:
        scratch, pictures, file = Path(name), work.pictures, work.model
        if model is not None:
            file = scratch / "model.tflite"
            file.write_bytes(model)
        if contents is not None:
            pictures = scratch / "pictures"
            shard = _unpacked(shard, contents, pictures)
        features.extract(
            shard,
            pictures,
            backbones.get(work.backbone),
            work.augmentation,
            LitertEngine(file, work.engine, work.cut),
            FeatureCache(scratch / "features"),
            seed=work.seed,
            crop=work.crop,
            progress=lambda _done, _total: None,
        )
        return _land(scratch / "features", work.into)


def opened(into: str) -> None:
    """Make the place where features are to land, and try it.

    Raises:
        Exception: whatever fsspec, or what it has for such an address, finds wrong with it.
    """
    import fsspec

    storage, root = fsspec.url_to_fs(into)
    storage.makedirs(root, exist_ok=True)
    storage.pipe_file(f"{root}/begun", b"tusker")


@contextmanager
def fetched(landed: str) -> Iterator[FeatureCache]:
    """The features of a shard, brought here; they are gone afterwards, there too."""
    import fsspec

    storage, path = fsspec.url_to_fs(landed)
    with tempfile.TemporaryDirectory(prefix="tusker-") as folder:
        with storage.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
            archive.extractall(folder, filter="data")
        yield FeatureCache(Path(folder))
    storage.rm(path)


def cleared(into: str) -> None:
    """Remove whatever has landed there. Raises as `opened`."""
    import fsspec

    storage, root = fsspec.url_to_fs(into)
    storage.rm(root, recursive=True)


def _land(folder: Path, into: str) -> str:
    import fsspec

    landed = f"{into}/{secrets.token_hex(8)}.tar"  # its own: a task that was given up may yet write
    storage, path = fsspec.url_to_fs(landed)
    with storage.open(path, "wb") as file, tarfile.open(fileobj=file, mode="w|") as archive:
        archive.add(folder, arcname=".")
    return landed


def _unpacked(shard: Sequence[Example], contents: Sequence[bytes], folder: Path) -> list[Example]:
    """Write pictures into a folder, and the examples as they are found there."""
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / str(number)).write_bytes(content)
    return [
        example.model_copy(update={"path": str(number)}) for number, example in enumerate(shard)
    ]
