"""Extract the features of a shard on a machine of the cluster, and put them into storage."""

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
"""Age at which the leftovers of a killed task are deleted by the next one on its machine."""


@dataclass(frozen=True)
class ShardTask:
    """What a machine needs to extract the features of a shard as the training itself would.

    Attributes:
        pictures: folder on the training's machine that the examples' paths are relative to.
        model: the LiteRT file on the training's machine.
        model_at: address of an archive with that file, for machines that do not share the folder;
            empty where they do.
        backbone: name of its row.
        augmentation, seed, crop: as for `features.extract`.
        engine: name under which the cache keeps the features.
        cut: name of the layer whose activation is kept; None for none.
        destination: folder in storage for the features, as an fsspec address.
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
    destination: str


def send(examples: Sequence[Example], task: ShardTask) -> str:
    """Put the pictures of a shard into storage. Returns their address; raises as `transfer.put`."""
    pictures = (task.pictures / example.path for example in examples)
    named = ((path, str(place)) for place, path in enumerate(pictures))
    return transfer.put(named, task.destination)


def extract_shard(
    examples: Sequence[Example], task: ShardTask, pictures_at: str = ""
) -> str | UnreachableNode:
    """Extract the features of a shard on one core.

    Args:
        pictures_at: what `send` returned, for a machine that does not share the folder.

    Returns:
        Address of the features; or this machine, if it does not reach what it needs.

    Raises:
        BadImage: a picture cannot be read.
        OSError: the features do not fit on this machine.
    """
    base = _base()
    with cores.reserved(1), tempfile.TemporaryDirectory(dir=base) as name:
        scratch, pictures = Path(name), task.pictures
        try:
            if pictures_at:
                pictures = scratch / "pictures"
                transfer.fetch(pictures_at, pictures)
                examples = [
                    example.model_copy(update={"path": str(place)})
                    for place, example in enumerate(examples)
                ]
            engine = LitertEngine(_model(task, base), task.engine, task.cut)
        except Exception:  # the classes depend on the kind of storage
            logger.exception("this machine does not reach what it needs")
            return UnreachableNode.here()
        output = scratch / "features"
        features.extract(
            examples,
            pictures,
            backbones.get(task.backbone),
            task.augmentation,
            engine,
            FeatureCache(output),
            seed=task.seed,
            crop=task.crop,
            progress=lambda _done, _total: None,
        )
        try:
            return transfer.put([(output, ".")], task.destination)
        except Exception:
            logger.exception("this machine cannot put its features into storage")
            return UnreachableNode.here()


def _model(task: ShardTask, base: Path) -> Path:
    """The LiteRT file on this machine, fetched once."""
    if not task.model_at:
        return task.model
    file = base / hashlib.sha256(task.model_at.encode()).hexdigest()
    if not file.is_file():
        with tempfile.TemporaryDirectory(dir=base) as name:
            transfer.fetch(task.model_at, Path(name))
            (Path(name) / MODEL).replace(file)
    os.utime(file)  # a pass may take longer than leftovers are kept
    return file


def _base() -> Path:
    """Where tasks work on this machine; leftovers of killed tasks are deleted."""
    base = Path(tempfile.gettempdir()) / f"tusker-shards-{getattr(os, 'getuid', int)()}"
    base.mkdir(mode=0o700, exist_ok=True)
    for left in base.iterdir():
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                files.remove(left)
    return base
