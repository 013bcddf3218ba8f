"""Where fine-tuning cuts a backbone: the stages below stay frozen, those above are trained."""

from core import backbones
from core.backbones import Stage
from core.errors import BadConfig
from core.training.config import TrainingConfig


def cut_stage(config: TrainingConfig) -> int:
    """The highest stage that ends below everything fine-tuning trains.

    Returns:
        Index in the backbone's stages.

    Raises:
        BadConfig: more layers are to be trained than the backbone has above its first stage.
    """
    backbone, unfreeze = backbones.get(config.backbone), config.unfreeze
    stages = backbone.stages
    if not unfreeze.layers:
        return len(stages) - 1 - unfreeze.stages
    layers = 0
    for stage in range(len(stages) - 2, -1, -1):
        layers += stages[stage + 1].layers
        if layers >= unfreeze.layers:
            return stage
    raise BadConfig(
        f"Expected at most {layers} layers to train in {backbone.title}, "
        f"which is all above its first stage; found {unfreeze.layers}. Ask for fewer."
    )


def trained_stages(config: TrainingConfig) -> tuple[Stage, ...]:
    """The stages above the cut."""
    return backbones.get(config.backbone).stages[cut_stage(config) + 1 :]


def trained_share(config: TrainingConfig) -> float:
    """Share of the backbone's work that is done above the cut, 0 to 1."""
    total = sum(stage.multiply_adds for stage in backbones.get(config.backbone).stages)
    return sum(stage.multiply_adds for stage in trained_stages(config)) / total
