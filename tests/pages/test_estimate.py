"""The Train page says before the start what a training takes."""

import re
from collections.abc import Callable
from operator import methodcaller

import pytest

from core import backbones
from core.estimating import estimate as estimating
from core.estimating import resources, unit_costs
from core.intake.uploads import Upload
from core.settings import MEGABYTE, Settings
from core.system import capacity, threads
from core.training import config
from tests.pages.visitor import Visitor

pytestmark = pytest.mark.usefixtures("two_cores")

START = "Start training"
LITE = backbones.get(backbones.DEFAULT)


def times(visitor: Visitor) -> list[str]:
    """The duration of each preset."""
    captions = " ".join(visitor.at.radio[0].proto.captions)
    return re.findall(r"≈ ([\d\\.]+ (?:s|min))", captions)


def line(visitor: Visitor) -> str:
    return next(line for line in visitor.text().splitlines() if "until results" in line)


def may_start(visitor: Visitor) -> bool:
    return not visitor.button(START).disabled


def test_each_preset_says_how_long_it_takes_and_what_it_does(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    captions = visitor.at.radio[0].proto.captions
    assert len(times(visitor)) == len(config.PRESETS)
    assert all(caption.startswith("**≈ ") for caption in captions)
    assert [caption.partition(" · ")[2] for caption in captions] == [
        "Trains only the final layer. Good to begin with.",
        "Takes the better of two networks.",
        "Also fine-tunes the upper layers, if that is likely to help.",
    ]


def test_time_memory_and_disk_follow_the_chosen_settings(visitor: Visitor, upload: Upload) -> None:
    visitor.open("train", upload=upload.id)
    quick = line(visitor)
    assert re.search(r"\d+ MB of memory and \d+ MB of disk", quick)
    visitor.choose("Best", "best")
    best = line(visitor)
    assert best != quick
    visitor.fill("Views of each picture", 16)
    assert line(visitor) != best


def test_the_time_is_called_a_guess_until_a_training_has_recorded_it(
    visitor: Visitor, upload: Upload, host: Settings
) -> None:
    visitor.open("train", upload=upload.id)
    assert "rough guess" in line(visitor)
    unit_costs.record(LITE, host, "view", 10.0)
    visitor.open("train", upload=upload.id)
    assert "earlier trainings" in line(visitor)
    assert "min" in line(visitor)


def test_another_backbone_has_other_times_and_may_have_to_be_prepared(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    before = times(visitor)
    visitor.fill("Backbone", "resnet50")
    assert times(visitor) != before
    assert "Preparing ResNet50 comes first" in visitor.text()


@pytest.mark.parametrize(
    ("free", "choose", "sentence"),
    [
        (500, methodcaller("choose", "Best", "best"), "of free memory, found 500 MB"),
        (1000, methodcaller("fill", "Backbone", "resnet50"), "1.9 GB of free memory, found 1.0 GB"),
    ],
    ids=["to train", "to prepare the backbone"],
)
def test_too_little_memory_is_refused_before_the_start(
    visitor: Visitor,
    upload: Upload,
    monkeypatch: pytest.MonkeyPatch,
    free: int,
    choose: Callable[[Visitor], Visitor],
    sentence: str,
) -> None:
    monkeypatch.setattr(capacity, "free_memory", lambda: free * MEGABYTE)
    visitor.open("train", upload=upload.id)
    assert may_start(visitor), "Quick fits"
    assert sentence in choose(visitor).text()
    assert not may_start(visitor)


def test_a_smaller_batch_is_announced_before_the_start(
    visitor: Visitor, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, best = upload.intake().dataset, config.preset("best")
    needed = resources.memory(dataset, best, threads.cores())
    monkeypatch.setattr(capacity, "free_memory", lambda: needed)
    visitor.open("train", upload=upload.id)
    visitor.choose("Best", "best")
    assert re.search(r"The batch will be \d+ instead of 32", visitor.text())
    assert may_start(visitor)


@pytest.mark.parametrize(("share", "startable"), [(0.01, False), (0.75, True)])
def test_a_training_longer_than_the_host_allows_is_refused_or_warned_of(
    visitor: Visitor,
    upload: Upload,
    host: Settings,
    monkeypatch: pytest.MonkeyPatch,
    share: float,
    *,
    startable: bool,
) -> None:
    quick = config.preset("quick")
    expected = estimating.estimate(upload.intake().dataset, quick, host).scored
    minutes = f"{share * expected / 60:.4g}"
    monkeypatch.setenv("TUSKER_JOB_MINUTES", minutes)
    visitor.open("train", upload=upload.id)
    assert f"A training may take {minutes} min on this host" in visitor.text()
    assert may_start(visitor) is startable


def test_best_leaves_out_what_its_time_budget_does_not_allow(
    visitor: Visitor, upload: Upload, host: Settings
) -> None:
    visitor.open("train", upload=upload.id).choose("Best", "best")
    assert "Left out to fit" not in visitor.text()
    for name in (LITE.name, "efficientnet-lite2"):
        unit_costs.record(backbones.get(name), host, "step", 60.0)
    visitor.fill("Time budget (minutes)", 1.0)
    assert "Left out to fit into the time budget: fine-tuning." in visitor.text()
    assert may_start(visitor)
    visitor.fill("Time budget (minutes)", 0.0)
    assert "expected more than 0 minutes, found 0" in visitor.text()
    assert not may_start(visitor)
