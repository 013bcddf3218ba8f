"""Where fine-tuning cuts a backbone: the stages below stay frozen, those above are trained."""

from core import backbones
from core.backbones import Stage
from core.training.config import TrainingConfig


def cut_stage(config: TrainingConfig) -> int:
    """Index of the highest stage of the backbone that ends below everything fine-tuning trains."""
    stages, layers = backbones.get(config.backbone).stages, config.unfreeze.layers
    cut = len(stages) - 1 - config.unfreeze.stages
    while layers > 0:
        layers -= stages[cut].layers
        cut -= 1
    return cut


def trained_stages(config: TrainingConfig) -> tuple[Stage, ...]:
    """The stages above the cut."""
    return backbones.get(config.backbone).stages[cut_stage(config) + 1 :]


def trained_share(config: TrainingConfig) -> float:
    """Share of the backbone's work that is done above the cut, 0 to 1."""
    total = sum(stage.multiply_adds for stage in backbones.get(config.backbone).stages)
    return sum(stage.multiply_adds for stage in trained_stages(config)) / total
