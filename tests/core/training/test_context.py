"""A training knows which of its features are in the cache."""

from pathlib import Path

import numpy as np
import pytest

from core import backbones
from core import dataset as datasets
from core.dataset import Dataset, Example
from core.settings import Settings
from core.training import config as training_config
from core.training.backbone_cut import cut_stage
from core.training.cache import FeatureCache, embedding_array
from core.training.config import TrainingConfig, Unfreeze
from core.training.context import TrainingContext

BEST = training_config.preset("best")
EXAMPLES = tuple(
    Example(name=f"{i}", path=f"{i}", label=i % 2, sha256=f"{i:064x}", width=9, height=9)
    for i in range(40)
)
DATASET = Dataset(name="d", classes=("ant", "bee"), examples=EXAMPLES)
SPLIT = datasets.split(DATASET, validation=0.15, test=0.15, seed=0)


@pytest.mark.parametrize("fine_tunes", [False, True])
def test_cached_views_are_counted_by_backbone_and_by_when_they_are_needed(
    tmp_path: Path, *, fine_tunes: bool
) -> None:
    config = BEST if fine_tunes else BEST.model_copy(update={"unfreeze": Unfreeze()})
    cache = FeatureCache(tmp_path)
    backbone, settings = backbones.get(config.backbone), Settings(home=tmp_path)
    context = TrainingContext(config, SPLIT, tmp_path, backbone, settings, cache, print)
    first, other = config.candidates()
    assert context.cached_views(first) == context.cached_views(other) == (0, 0)
    plain, *further = context.rendering(config.augmentation).cache_keys()
    train, test = SPLIT.of("train"), SPLIT.of("test")
    fill(cache, first, plain, EXAMPLES)
    for view in further:
        fill(cache, other, view, train)
    later = 0 if fine_tunes else len(test)
    assert context.cached_views(first) == (len(EXAMPLES) - len(test), later)
    assert context.cached_views(other) == (0, len(further) * len(train))


def fill(
    cache: FeatureCache, config: TrainingConfig, view: str, examples: tuple[Example, ...]
) -> None:
    """Keep a view of some pictures for a backbone."""
    backbone = backbones.get(config.backbone)
    name = embedding_array(backbone.depths)
    if config.fine_tunes:
        name = backbone.stages[cut_stage(config)].layer
    sha256 = [example.sha256 for example in examples]
    array = cache.array(f"{backbone.name}-litert", view, name, (4,), np.float32)
    array.append(sha256, np.zeros((len(sha256), 4)))
