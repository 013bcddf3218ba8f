"""What trainings record of this machine is used by the estimates that follow."""

from pathlib import Path

import pytest

from core import backbones
from core.estimating import unit_costs
from core.estimating.unit_costs import FILE
from core.settings import Settings

LITE, RESNET = backbones.get("efficientnet-lite0"), backbones.get("resnet50")


def test_before_the_first_training_a_larger_backbone_is_expected_to_take_longer(
    settings: Settings,
) -> None:
    lite, resnet = (unit_costs.read(backbone, settings) for backbone in (LITE, RESNET))
    assert not lite.recorded
    assert 0 < 3 * lite.view < resnet.view
    assert 0 < 3 * lite.step < resnet.step


def test_recorded_costs_replace_the_guess_and_correct_it_for_other_backbones(
    settings: Settings,
) -> None:
    guess, larger = unit_costs.guess(LITE), unit_costs.guess(RESNET)
    unit_costs.record(LITE, settings, "view", 10 * guess.view)
    costs = unit_costs.read(LITE, settings.model_copy())
    assert costs == guess.model_copy(update={"view": 10 * guess.view, "recorded": True})
    resnet = unit_costs.read(RESNET, settings)
    assert not resnet.recorded
    # Large pictures take longer to decode, by the same time for every network.
    assert (resnet.view, resnet.step) == pytest.approx((larger.view + 9 * guess.view, larger.step))
    unit_costs.record(LITE, settings, "step", 3 * guess.step)
    assert unit_costs.read(RESNET, settings).step == pytest.approx(3 * larger.step)


def test_the_latest_training_counts_half(settings: Settings) -> None:
    for seconds in (0.2, 0.2, 0.6):
        unit_costs.record(LITE, settings, "view", seconds)
    assert unit_costs.read(LITE, settings).view == pytest.approx(0.4)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 0.0, -1.0])
def test_impossible_durations_are_not_recorded(settings: Settings, seconds: float) -> None:
    unit_costs.record(LITE, settings, "view", seconds)
    assert not unit_costs.read(LITE, settings).recorded


@pytest.mark.parametrize("damage", [b"", b"{", b'{"tiny": {"view": -1}}', b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_read_as_empty_and_replaced(settings: Settings, damage: bytes) -> None:
    settings.home.mkdir()
    (settings.home / FILE).write_bytes(damage)
    assert not unit_costs.read(LITE, settings).recorded
    unit_costs.record(LITE, settings, "view", 0.25)
    assert unit_costs.read(LITE, settings).view == 0.25


def test_unknown_costs_of_earlier_versions_are_ignored(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / FILE).write_text('{"efficientnet-lite0": {"view": 0.25, "exports": 77}}')
    costs = unit_costs.read(LITE, settings)
    assert (costs.view, costs.recorded) == (0.25, True)
    assert costs.step == unit_costs.guess(LITE).step


def test_a_home_that_cannot_be_written_to_stops_no_training(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "file")
    settings.home.write_text("not a folder")
    unit_costs.record(LITE, settings, "view", 0.25)
    assert not unit_costs.read(LITE, settings).recorded
