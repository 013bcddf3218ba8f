"""How long a training takes is estimated before it begins."""

import dataclasses
from pathlib import Path

import pytest

from core import backbones
from core.backbones import serving
from core.dataset import Dataset
from core.errors import LimitExceeded
from core.estimating import estimate, unit_costs
from core.estimating.estimate import TrainingEstimate
from core.settings import MEGABYTE, Settings
from core.training import config as training_config
from core.training.config import TrainingConfig, parse
from tests.core.trainings import ImportedDataset

pytestmark = pytest.mark.usefixtures("two_cores")

LITE = backbones.get("efficientnet-lite0")
QUICK, BALANCED, BEST = map(training_config.preset, training_config.PRESETS)


@pytest.fixture
def pictures(shapes_dataset: ImportedDataset) -> Dataset:
    """A thousand pictures."""
    examples = shapes_dataset.dataset.examples
    many = tuple(examples[i % len(examples)] for i in range(1_000))
    return shapes_dataset.dataset.model_copy(update={"examples": many})


def seconds(pictures: Dataset, config: TrainingConfig, settings: Settings) -> float:
    return estimate.estimate(pictures, config, settings).scored


def changed(config: TrainingConfig, **values: object) -> TrainingConfig:
    return parse(config.model_dump(mode="json") | values)


def test_a_more_thorough_preset_takes_longer_and_needs_more(
    pictures: Dataset, settings: Settings
) -> None:
    quick, balanced, best = (
        estimate.estimate(pictures, config, settings) for config in (QUICK, BALANCED, BEST)
    )
    assert 2 * quick.scored < 2 * balanced.scored < best.scored
    assert quick.memory < balanced.memory < best.memory
    assert quick.disk < balanced.disk < best.disk


def test_recorded_costs_determine_the_estimate(pictures: Dataset, settings: Settings) -> None:
    unit_costs.record(LITE, settings, "view", 0.5)
    unit_costs.record(LITE, settings, "step", 20.0)
    assert seconds(pictures, QUICK, settings) == pytest.approx(500, rel=0.02)
    views = [changed(QUICK, augmentation={"views": count}) for count in (1, 3)]
    with_one, with_three = (seconds(pictures, config, settings) for config in views)
    assert with_three - with_one == pytest.approx(2 * 700 * 0.5)
    without_alternatives = changed(BEST, alternatives=())
    epochs = [changed(without_alternatives, fine_tune_phase={"epochs": count}) for count in (1, 3)]
    with_one, with_three = (seconds(pictures, config, settings) for config in epochs)
    two_stages = (91.6 + 49.5) / 384.3  # their share of the multiply-adds
    assert with_three - with_one == pytest.approx(2 * 700 * 20 * two_stages)


def test_converting_a_backbone_that_was_never_used_counts(
    pictures: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = estimate.estimate(pictures, BALANCED, settings)
    monkeypatch.setattr(serving, "locate", lambda *_: Path("there"))
    prepared = estimate.estimate(pictures, BALANCED, settings)
    assert missing.scored - prepared.scored == pytest.approx(estimate.PREPARE)
    assert missing.memory > 1000 * MEGABYTE > prepared.memory


def test_the_sentence_has_times_memory_and_disk() -> None:
    expected = TrainingEstimate(6.4, 314 * 2**20, 45 * 2**20)
    for figure in ("6 s", "314 MB of memory", "45 MB of disk"):
        assert figure in expected.sentence


def test_fine_tuning_that_may_be_left_out_makes_the_time_a_range(
    pictures: Dataset, settings: Settings
) -> None:
    best = estimate.estimate(pictures, BEST, settings)
    assert best.least == seconds(pictures, BALANCED, settings) < best.scored
    assert " to " in best.sentence
    always = changed(BEST, unfreeze={"stages": 2, "least_errors": 0})
    for config in (BALANCED, always):
        expected = estimate.estimate(pictures, config, settings)
        assert expected.least is None
        assert " to " not in expected.sentence


def test_a_training_over_the_time_limit_is_refused_or_warned_of(
    pictures: Dataset, settings: Settings
) -> None:
    expected = dataclasses.replace(estimate.estimate(pictures, QUICK, settings), scored=90.0)

    def check(minutes: float) -> str:
        return estimate.check_time(expected, settings.model_copy(update={"job_minutes": minutes}))

    assert check(600) == ""
    assert "1 min " in check(1) and "1.5 min" in check(1)
    with pytest.raises(LimitExceeded, match="TUSKER_JOB_MINUTES"):
        check(0.1)
