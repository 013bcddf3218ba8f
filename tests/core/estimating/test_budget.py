"""A training is cut to a time budget, and what was left out is said."""

import pytest

from core import backbones
from core.dataset import Dataset
from core.estimating import budget, estimate, unit_costs
from core.settings import Settings
from core.training import config
from tests.core.trainings import ImportedDataset

BEST = config.preset("best")


@pytest.fixture
def measured(settings: Settings) -> Settings:
    """A machine on which a view takes 0.1 s, and a step through all of a backbone a second."""
    for name in (BEST.backbone, *BEST.alternatives):
        unit_costs.record(backbones.get(name), settings, "view", 0.1)
        unit_costs.record(backbones.get(name), settings, "step", 1.0)
    return settings


@pytest.fixture
def pictures(shapes_dataset: ImportedDataset) -> Dataset:
    return shapes_dataset.dataset


def minutes(pictures: Dataset, settings: Settings, **left_out: object) -> float:
    reduced = config.parse(BEST.model_dump(mode="json") | left_out)
    return estimate.estimate(pictures, reduced, settings).scored / 60


def test_a_training_within_the_budget_is_unchanged(pictures: Dataset, measured: Settings) -> None:
    assert budget.within(BEST, pictures, measured, 60) == BEST
    assert budget.describe(BEST, BEST) == ""


def test_epochs_and_their_views_are_left_out_first(pictures: Dataset, measured: Settings) -> None:
    enough = 0.9 * minutes(pictures, measured)
    reduced = budget.within(BEST, pictures, measured, enough)
    epochs = reduced.fine_tune_phase.epochs
    assert budget.FEWEST_EPOCHS <= epochs < BEST.fine_tune_phase.epochs
    assert reduced.augmentation.views <= epochs
    assert reduced.alternatives == BEST.alternatives
    assert estimate.estimate(pictures, reduced, measured).scored <= 60 * enough
    left_out = BEST.fine_tune_phase.epochs - epochs
    assert f"{left_out} of {BEST.fine_tune_phase.epochs} epochs" in budget.describe(BEST, reduced)


def test_fine_tuning_is_left_out_next_and_the_comparison_of_backbones_last(
    pictures: Dataset, measured: Settings
) -> None:
    plain = {"unfreeze": {"stages": 0}, "augmentation": {"views": 1}}
    compared = budget.within(BEST, pictures, measured, minutes(pictures, measured, **plain))
    assert (compared.fine_tunes, compared.alternatives) == (False, BEST.alternatives)
    assert "fine-tuning" in budget.describe(BEST, compared)
    least = budget.within(BEST, pictures, measured, 0.001)
    assert (least.fine_tunes, least.alternatives) == (False, ())
    assert "fine-tuning and the comparison of backbones" in budget.describe(BEST, least)
