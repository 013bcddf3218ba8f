"""How much memory and disk a training takes, how much there is, and what to do when it is less."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core import backbones
from core.backbones import Backbone, costs
from core.dataset import Dataset
from core.errors import NotEnoughResources
from core.settings import MEGABYTE, Settings
from core.training import depth
from core.training.config import TrainingConfig

FLOAT32, FLOAT16 = 4, 2
PYTHON_BYTES = 110 * MEGABYTE
"""A worker that decodes pictures and has LiteRT open."""
TENSORFLOW_BYTES = 640 * MEGABYTE
"""What TensorFlow and Keras add when they are imported and have built a network."""
INTERPRETER = 1.6
"""Memory of an interpreter in sizes of its file, the shared pages counted once more."""
FEATURE_COPIES = 3
"""Copies of the embeddings while the head is fitted: as they are, standardised, rotated."""
PARAMETER_COPIES = 4
"""Of each parameter: itself, the best so far, and two moments of the optimiser."""
ACTIVATION_COPIES = 2.0
"""Bytes of a step over those of the values that its layers put out: gradients, work space."""
EXPORT_COPIES = 14
"""Memory of the exports in sizes of the model: network, graph, converter, files."""
WAITING = 32
"""Decoded views that wait between the decoders and the engine."""
IMAGENET = 1_000
"""Classes of the backbone's own top, which is not in the files of a run."""
MODEL_FILES = 4.5
"""Files to take away in sizes of the network: four whole, int8 a quarter, some of the rest.

Where the network is not Keras' own, one more holds it bare.
"""
THUMBNAIL_BYTES = 6_000
SPARE = 0.1
"""Part of what is free that is left free."""
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Counts:
    """Pictures of each part."""

    train: int
    validation: int
    test: int


def counts(dataset: Dataset, config: TrainingConfig) -> Counts:
    """How many pictures each part will have, by the shares, or has, where it is split already."""
    splits = [example.split for example in dataset.examples]
    total = len(splits)
    if None not in splits and "validation" in splits:
        return Counts(*(splits.count(part) for part in ("train", "validation", "test")))
    test = splits.count("test") if dataset.predefined else round(total * config.test)
    share = config.validation / (1 - config.test) if dataset.predefined else config.validation
    known = splits.count("validation") if dataset.predefined else 0
    validation = known or round((total - test if dataset.predefined else total) * share)
    return Counts(max(1, total - test - validation), max(1, validation), max(1, test))


def views(dataset: Dataset, config: TrainingConfig) -> int:
    """How many views pass through the backbone before the head is fitted."""
    parts = counts(dataset, config)
    plain = parts.validation + (0 if config.fine_tunes else parts.test)
    return parts.train * config.augmentation.views + plain


def memory(dataset: Dataset, config: TrainingConfig, cores: int) -> int:
    """Peak bytes of a training up to a scored model.

    Python and LiteRT, an interpreter a core, views that wait, and copies of the embeddings; with
    fine-tuning TensorFlow, copies of the parameters, and what a step keeps of each picture of a
    batch. Kept activations are memory-mapped: the system takes their pages back when it must.
    """
    backbone = backbones.get(config.backbone)
    rows = views(dataset, config)
    pixels = backbone.size**2 * 3
    total = (
        PYTHON_BYTES
        + cores * INTERPRETER * backbone.megabytes * MEGABYTE
        + WAITING * pixels * (1 + FLOAT32)
        + FEATURE_COPIES * rows * backbone.embedding * FLOAT32
    )
    if config.fine_tunes:
        total += tuning_bytes(config)
    return math.ceil(total)


def tuning_bytes(config: TrainingConfig) -> float:
    """Bytes that fine-tuning adds to a process."""
    whole = costs.between(backbones.get(config.backbone), 0)
    parameters = PARAMETER_COPIES * whole.parameters * 1e6 * FLOAT32
    return TENSORFLOW_BYTES + parameters + config.batch_size * step_bytes(config)


def step_bytes(config: TrainingConfig) -> float:
    """Bytes that a fine-tuning step keeps for each picture of its batch."""
    return ACTIVATION_COPIES * depth.above(config).values * 1e6 * FLOAT32


def export_memory(backbone: Backbone) -> int:
    """Peak bytes of making the files to take away."""
    sizes = EXPORT_COPIES * backbone.megabytes * MEGABYTE
    return math.ceil(PYTHON_BYTES + TENSORFLOW_BYTES + sizes)


def disk(dataset: Dataset, config: TrainingConfig) -> int:
    """Bytes that a training adds: features of every view, and the run with its model files."""
    backbone = backbones.get(config.backbone)
    view = backbone.embedding * FLOAT32
    pictures = counts(dataset, config).test
    model = backbone.megabytes * MEGABYTE - IMAGENET * backbone.embedding * FLOAT32
    run = (MODEL_FILES + (not backbone.in_keras)) * model + pictures * THUMBNAIL_BYTES
    if config.fine_tunes:
        view += math.prod(costs.of(backbone)[depth.cut_stage(config)].shape) * FLOAT16
        run += model + depth.above(config).parameters * 1e6 * FLOAT32
    return math.ceil(views(dataset, config) * view + run)


def fitted(dataset: Dataset, config: TrainingConfig, available: int, cores: int) -> TrainingConfig:
    """The configuration with a batch that fits into memory: halved as often as it takes.

    Where not even a batch of one would fit, it comes back as it was.
    """
    smaller = config
    while memory(dataset, smaller, cores) > available * (1 - SPARE):
        if not config.fine_tunes or smaller.batch_size == 1:
            return config
        smaller = smaller.model_copy(update={"batch_size": max(1, smaller.batch_size // 2)})
    return smaller


def require_memory(needed: int, available: int) -> None:
    """Refuse what would run out of memory.

    Raises:
        NotEnoughResources: it says how much is needed, how much there is, and what helps.
    """
    if needed > available * (1 - SPARE):
        raise NotEnoughResources(
            f"Expected about {said(needed)} of free memory, found {said(available)}. "
            "Unfreeze fewer stages, take a smaller backbone or fewer views, "
            "or end other work on this machine."
        )


def require_disk(needed: int, available: int) -> None:
    """Refuse what would fill the disk.

    Raises:
        NotEnoughResources: as in `require_memory`.
    """
    if needed > available * (1 - SPARE):
        raise NotEnoughResources(
            f"Expected about {said(needed)} of free disk, found {said(available)}. "
            "Take fewer views, unfreeze fewer stages, or delete runs that are no longer needed."
        )


def free_disk(settings: Settings) -> int:
    """Bytes that can be written where features and runs are kept."""
    place = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    return shutil.disk_usage(place).free


def free_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int:
    """Bytes that this process may still take: the machine's, or less if its container's limit is.

    Args:
        cgroups: where control groups are mounted, both versions.
        own: the file in which the system names the groups of this process.
    """
    import psutil

    return max(0, min(psutil.virtual_memory().available, *_left_in(cgroups, own)))


def said(number: float) -> str:
    """Bytes as people say them, to two digits: `45 MB`, `310 MB`, `1.9 GB`."""
    megabytes = number / MEGABYTE
    if megabytes >= 1000:
        return f"{megabytes / 1024:.1f} GB"
    return f"{float(f'{megabytes:.2g}'):.0f} MB"


def _left_in(cgroups: Path, own: Path) -> Iterator[float]:
    """What is left in each control group around this process that has a limit."""
    yield math.inf
    with contextlib.suppress(OSError):
        for line in own.read_text().splitlines():
            _, kinds, name = line.split(":", 2)
            if kinds == "":
                names = ("memory.max", "memory.current", "inactive_file")
                root = cgroups
            elif "memory" in kinds.split(","):
                names = (
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_inactive_file",
                )
                root = cgroups / "memory"
            else:
                continue
            folder = root / name.lstrip("/")
            # Inside a container the group may be shown as the root of the mount.
            for group in (folder, *folder.parents):
                if group == root or root in group.parents:
                    yield from _left(group, *names)


def _left(group: Path, limit: str, used: str, reclaimable: str) -> Iterator[int]:
    """Bytes up to a group's limit; files that are merely cached can be given back."""
    with contextlib.suppress(OSError, ValueError):  # "max" is no number: there is no limit
        most = int((group / limit).read_text())
        taken = int((group / used).read_text())
        cached = 0
        for line in (group / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == reclaimable:
                cached = int(value)
        yield most - taken + cached
