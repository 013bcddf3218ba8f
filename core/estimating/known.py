"""Count the views of a training that were seen before, so that nobody expects to wait for them."""

from __future__ import annotations

from pathlib import Path

from core import backbones
from core.dataset import Dataset
from core.errors import TuskerError
from core.estimating import resources
from core.settings import Settings
from core.training import depth
from core.training.cache import VERSION, FeatureCache, cache_folder, view_keys
from core.training.config import TrainingConfig
from core.training.network import Network

EMBEDDING = "embedding"


def views(
    dataset: Dataset,
    config: TrainingConfig,
    pictures: Path,
    settings: Settings,
    start: Path | None = None,
) -> int:
    """Views that lie in the feature cache, by the engine that knows the most of them.

    Args:
        dataset: need not be split yet.
        pictures: folder that the dataset's paths are relative to.
        start: folder of the model that the training goes on from.
    """
    backbone = backbones.get(config.backbone)
    cache = FeatureCache(cache_folder(pictures, settings))
    try:
        digest = Network(backbone, settings, start).digest
    except TuskerError:  # it has to be prepared first
        return 0
    array = EMBEDDING
    if config.fine_tunes:
        array = backbone.stages[depth.cut_stage(config)].layer
    prefix = f"v{VERSION}-"
    engines = cache.folder.glob(f"{prefix}{backbone.name}-{digest[:12]}-*")
    wanted = {example.sha256 for example in dataset.examples}
    counted = [
        sum(
            len(wanted & cache.known(engine.name.removeprefix(prefix), name, array))
            for name in view_keys(config.augmentation, config.seed, config.crop)
        )
        for engine in engines
    ]
    return min(max(counted, default=0), resources.views(dataset, config))
