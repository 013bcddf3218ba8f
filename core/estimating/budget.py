"""Fit a training into a time budget by leaving out the steps that gain least for their time."""

from collections.abc import Iterator

from core.dataset import Dataset
from core.estimating import estimate
from core.settings import Settings
from core.training.config import TrainingConfig

MINUTES = 5.0
"""Budget of the preset Best, if no other is given."""
FEWEST_EPOCHS = 3
"""Least number of epochs of fine-tuning; a schedule of fewer is too short to be worth its time."""


def within(
    config: TrainingConfig, dataset: Dataset, settings: Settings, minutes: float
) -> TrainingConfig:
    """Reduce settings until the training is expected to end within the budget.

    First epochs of fine-tuning are left out, then all of it, then the comparison of backbones. The
    result is the settings of the run, so repeating the run does not depend on the speed of the
    machine at that time.

    Args:
        minutes: time up to the report. Even the most reduced settings may take longer.
    """
    reduced = config
    for reduced in _reduced(config):
        if estimate.seconds(dataset, reduced, settings) <= 60 * minutes:
            break
    return reduced


def describe(config: TrainingConfig, reduced: TrainingConfig) -> str:
    """What a budget left out of the settings; empty if nothing."""
    left_out = []
    epochs, fewer = config.fine_tune_phase.epochs, reduced.fine_tune_phase.epochs
    if config.fine_tunes and not reduced.fine_tunes:
        left_out.append("fine-tuning")
    elif fewer < epochs:
        left_out.append(f"{epochs - fewer} of {epochs} epochs of fine-tuning")
    if config.alternatives and not reduced.alternatives:
        left_out.append("the comparison of backbones")
    if not left_out:
        return ""
    return f"Left out to fit into the time budget: {' and '.join(left_out)}."


def _reduced(config: TrainingConfig) -> Iterator[TrainingConfig]:
    """The settings, then settings that take less and less time."""
    yield config
    if config.fine_tunes:
        phase, augmentation = config.fine_tune_phase, config.augmentation
        for epochs in range(phase.epochs - 1, FEWEST_EPOCHS - 1, -1):
            # An epoch shows each picture in one view, so more views than epochs are not shown.
            views = min(augmentation.views, epochs)
            yield config.model_copy(
                update={
                    "fine_tune_phase": phase.model_copy(update={"epochs": epochs}),
                    "augmentation": augmentation.model_copy(update={"views": views}),
                }
            )
        config = config.without_fine_tuning()
        yield config
    yield config.model_copy(update={"alternatives": ()})
