"""Where fine-tuning cuts a backbone: the stages below stay frozen, those above are trained."""

from __future__ import annotations

from core import backbones
from core.backbones.costs import COSTS, Cost
from core.errors import BadConfig
from core.training.config import TrainingConfig


def cut_stage(config: TrainingConfig) -> int:
    """The highest stage that ends below everything fine-tuning trains.

    Returns:
        Index in the backbone's stages.

    Raises:
        BadConfig: more layers are to be trained than the backbone has above its first stage.
    """
    stages, unfreeze = COSTS[config.backbone], config.unfreeze
    if not unfreeze.layers:
        return len(stages) - 1 - unfreeze.stages
    layers = 0
    for stage in range(len(stages) - 2, -1, -1):
        layers += stages[stage + 1].layers
        if layers >= unfreeze.layers:
            return stage
    raise BadConfig(
        f"Expected at most {layers} layers to train in {backbones.get(config.backbone).title}, "
        f"which is all above its first stage; found {unfreeze.layers}. Ask for fewer."
    )


def trained_stages(config: TrainingConfig) -> tuple[Cost, ...]:
    """The stages above the cut."""
    return COSTS[config.backbone][cut_stage(config) + 1 :]


def trained_share(config: TrainingConfig) -> float:
    """Share of the backbone's work that is done above the cut, 0 to 1."""
    whole = sum(stage.work for stage in COSTS[config.backbone])
    return sum(stage.work for stage in trained_stages(config)) / whole
