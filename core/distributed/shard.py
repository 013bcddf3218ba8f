"""Look at a shard of pictures on a machine of a cluster, and hand its features over by storage."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from core import backbones
from core.dataset import Example
from core.distributed import cores, transfer
from core.distributed.machines import UnreachableNode
from core.system import files
from core.training import features
from core.training.cache import FeatureCache
from core.training.config import Augmentation
from core.training.engines import LitertEngine

logger = logging.getLogger(__name__)

MODEL = "model.tflite"
LEFT_SECONDS = 3600
"""Age of what a killed task has left on its machine, which is deleted by the next."""


@dataclass(frozen=True)
class Pass:
    """What a machine must know to look at a shard as the training itself would.

    Attributes:
        pictures: folder on the training's machine that the examples' paths are relative to.
        model: the LiteRT file on the training's machine.
        model_at: address of an archive with that file, for machines that do not share the folder;
            empty where they do.
        backbone: name of its row.
        augmentation, seed, crop: as `features.extract` takes them.
        engine: what the features are filed under.
        cut: name of the layer whose activation is kept; None for none.
        into: folder in storage where features land, as fsspec names it.
    """

    pictures: Path
    model: Path
    model_at: str
    backbone: str
    augmentation: Augmentation
    seed: int
    crop: float
    engine: str
    cut: str | None
    into: str


def send(shard: Sequence[Example], work: Pass) -> str:
    """Put the pictures of a shard into storage. Returns their address; raises as `handover.put`."""
    pictures = (work.pictures / example.path for example in shard)
    return transfer.put(((path, str(place)) for place, path in enumerate(pictures)), work.into)


def extract_shard(
    shard: Sequence[Example], work: Pass, pictures_at: str = ""
) -> str | UnreachableNode:
    """Look at a shard on one core.

    Args:
        pictures_at: what `send` returned, for a machine that does not share the folder.

    Returns:
        Address of its features, or which machine this is, if it does not reach what it needs.

    Raises:
        BadImage: a picture cannot be read.
        OSError: the features do not fit on this machine.
    """
    base = _base()
    with cores.reserved(1), tempfile.TemporaryDirectory(dir=base) as name:
        scratch, pictures = Path(name), work.pictures
        try:
            if pictures_at:
                pictures = scratch / "pictures"
                transfer.fetch(pictures_at, pictures)
                places = ({"path": str(place)} for place in range(len(shard)))
                shard = [one.model_copy(update=at) for one, at in zip(shard, places, strict=True)]
            engine = LitertEngine(_model(work, base), work.engine, work.cut)
        except Exception:  # of a kind for each kind of storage
            logger.exception("this machine does not reach what it needs")
            return UnreachableNode.here()
        kept = scratch / "features"
        features.extract(
            shard,
            pictures,
            backbones.get(work.backbone),
            work.augmentation,
            engine,
            FeatureCache(kept),
            seed=work.seed,
            crop=work.crop,
            progress=lambda _done, _total: None,
        )
        try:
            return transfer.put([(kept, ".")], work.into)
        except Exception:
            logger.exception("this machine cannot hand its features over")
            return UnreachableNode.here()


def _model(work: Pass, base: Path) -> Path:
    """The LiteRT file on this machine, fetched once."""
    if not work.model_at:
        return work.model
    file = base / hashlib.sha256(work.model_at.encode()).hexdigest()
    if not file.is_file():
        with tempfile.TemporaryDirectory(dir=base) as name:
            transfer.fetch(work.model_at, Path(name))
            (Path(name) / MODEL).replace(file)
    os.utime(file)  # it is in use, however long the pass takes
    return file


def _base() -> Path:
    """Where tasks work on this machine; without what killed ones left an hour ago."""
    base = Path(tempfile.gettempdir()) / f"tusker-shards-{getattr(os, 'getuid', int)()}"
    base.mkdir(mode=0o700, exist_ok=True)
    for left in base.iterdir():
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                files.remove(left)
    return base
