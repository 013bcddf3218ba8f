"""Where fine-tuning cuts a backbone: the stages below stay frozen, those above are trained."""

from __future__ import annotations

from core import backbones
from core.backbones import costs
from core.backbones.costs import Cost
from core.errors import BadConfig
from core.training.config import TrainingConfig


def cut_stage(config: TrainingConfig) -> int:
    """The highest stage whose end lies below all that fine-tuning is to train.

    Returns:
        Index in the backbone's stages.

    Raises:
        BadConfig: no cut of this backbone lies below that many layers.
    """
    backbone, wanted = backbones.get(config.backbone), config.unfreeze
    stages = costs.of(backbone)
    if not wanted.layers:
        return len(stages) - 1 - wanted.stages
    layers = 0
    for stage in range(len(stages) - 2, -1, -1):
        layers += stages[stage + 1].layers
        if layers >= wanted.layers:
            return stage
    raise BadConfig(
        f"Expected at most {layers} layers to train in {backbone.title}, which are all above its "
        f"first stage; found {wanted.layers}. Ask for fewer."
    )


def above(config: TrainingConfig) -> Cost:
    """The cost of the stages that fine-tuning trains."""
    return costs.between(backbones.get(config.backbone), cut_stage(config) + 1)
