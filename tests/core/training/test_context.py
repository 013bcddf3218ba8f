"""A training knows which of its features are in the cache."""

import math
from pathlib import Path

import numpy as np
import pytest

from core import backbones
from core import dataset as datasets
from core.dataset import Dataset, Example
from core.settings import Settings
from core.training import config as training_config
from core.training.cache import FeatureCache, embedding_array
from core.training.config import TrainingConfig, Unfreeze
from core.training.context import TrainingContext
from core.training.depth import cut_stage

BEST = training_config.preset("best")
EXAMPLES = tuple(
    Example(name=f"{i}", path=f"{i}", label=i % 2, sha256=f"{i:064x}", width=9, height=9)
    for i in range(40)
)
DATASET = Dataset(name="d", classes=("ant", "bee"), examples=EXAMPLES)
SPLIT = datasets.split(DATASET, validation=0.15, test=0.15, seed=0)


@pytest.mark.parametrize("fine_tunes", [False, True])
def test_cached_features_are_counted_by_backbone_and_by_when_they_are_needed(
    tmp_path: Path, *, fine_tunes: bool
) -> None:
    config = BEST if fine_tunes else BEST.model_copy(update={"unfreeze": Unfreeze()})
    cache = FeatureCache(tmp_path)
    backbone, settings = backbones.get(config.backbone), Settings(home=tmp_path)
    context = TrainingContext(config, SPLIT, tmp_path, backbone, settings, cache, print)
    first, other = config.candidates()
    assert context.cached_bytes(first) == context.cached_bytes(other) == (0, 0)
    plain, *further = context.rendering(config.augmentation).cache_keys()
    fill(cache, first, plain, EXAMPLES)
    for view in further:
        fill(cache, other, view, SPLIT.of("train"))
    learned, test = len(EXAMPLES) - len(SPLIT.of("test")), len(SPLIT.of("test"))
    later = 0 if fine_tunes else test * bytes_of(first)
    assert context.cached_bytes(first) == (learned * bytes_of(first), later)
    train = len(SPLIT.of("train"))
    assert context.cached_bytes(other) == (0, len(further) * train * bytes_of(other))


def fill(
    cache: FeatureCache, config: TrainingConfig, view: str, examples: tuple[Example, ...]
) -> None:
    """Keep a view of some pictures for a backbone."""
    for name, (shape, dtype) in arrays(config).items():
        cache.array(f"{config.backbone}-litert", view, name, shape, dtype).append(
            [example.sha256 for example in examples], np.zeros((len(examples), *shape), dtype)
        )


def arrays(config: TrainingConfig) -> dict[str, tuple[tuple[int, ...], type]]:
    """Name, shape and type of the arrays of a training."""
    backbone = backbones.get(config.backbone)
    depths = () if config.features == "last" else backbone.depths
    found: dict[str, tuple[tuple[int, ...], type]] = {
        embedding_array(depths): ((backbone.width(depths),), np.float32)
    }
    if config.fine_tunes:
        cut = backbone.stages[cut_stage(config)]
        found[cut.layer] = (tuple(cut.shape), np.float16)
    return found


def bytes_of(config: TrainingConfig) -> int:
    """Bytes of one view."""
    return sum(
        math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in arrays(config).values()
    )
