"""The Train page says what a training will take before it begins."""

import re

import pytest

from core import backbones
from core.estimating import resources, throughput
from core.estimating.throughput import Pace
from core.intake.uploads import Upload
from core.jobs import JobFolder, State, scheduling
from core.jobs.folder import Order
from core.settings import MEGABYTE, Settings
from core.system import threads
from core.training import config
from tests.pages.visitor import Visitor
from ui.train import estimate

START = "Start learning"


@pytest.fixture
def measured(upload: Upload) -> Upload:
    """The upload, on a machine whose speed is known."""
    known = Pace(
        backbone=backbones.DEFAULT, decode=0.01, render=0.01, view=0.1, standard=0.1,
        cores=2, crowding=1.0,
    )  # fmt: skip
    throughput.write(known, upload.path)
    return upload


def times(visitor: Visitor) -> list[str]:
    """What is said of the presets, shortest first."""
    captions = " ".join(visitor.at.radio[0].proto.captions)
    return re.findall(r"≈ ([\d\\.]+ (?:s|min))", captions)


def may_start(visitor: Visitor) -> bool:
    return not visitor.button(START).disabled


def test_each_preset_says_how_long_it_takes_and_what_it_does(
    visitor: Visitor, measured: Upload
) -> None:
    visitor.open("train", upload=measured.id)
    captions = visitor.at.radio[0].proto.captions
    assert len(times(visitor)) == len(config.PRESETS)
    for caption, does in zip(captions, estimate.SAYS.values(), strict=True):
        assert caption.startswith("**≈ ")
        assert caption.endswith(does)


def test_the_chosen_settings_say_time_memory_and_disk_and_how_that_is_known(
    visitor: Visitor, measured: Upload
) -> None:
    visitor.open("train", upload=measured.id)
    line = next(line for line in visitor.reads().splitlines() if "to a scored model" in line)
    assert "of memory and" in line
    assert "of disk. Measured on this machine with some of your pictures." in line
    visitor.choose("Thorough", "thorough")
    other = next(line for line in visitor.reads().splitlines() if "to a scored model" in line)
    assert other != line
    visitor.fill("Views of each picture", 16)
    assert other not in visitor.reads()


def test_the_machine_is_measured_first_where_that_is_still_to_be_done(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    assert "Measuring this machine" in visitor.reads()
    assert not times(visitor)
    assert may_start(visitor), "nobody has to wait for it"
    visitor.until(lambda: times(visitor))
    assert "Measuring this machine" not in visitor.reads()


def test_where_measuring_fails_the_page_can_be_used_all_the_same(
    visitor: Visitor, upload: Upload, host: Settings
) -> None:
    job = JobFolder(throughput.place(upload.path, backbones.DEFAULT))
    job.open(Order(kind="measure"))
    job.begin()
    job.end(State.FAILED, "Why.")
    visitor.open("train", upload=upload.id)
    assert "Measuring this machine" not in visitor.reads()
    assert not times(visitor)
    assert may_start(visitor)
    assert scheduling.status(job, host).state is State.FAILED, "it is not tried for ever"


def test_a_backbone_that_is_not_here_yet_is_foreseen_by_the_table(
    visitor: Visitor, measured: Upload
) -> None:
    visitor.open("train", upload=measured.id)
    before = times(visitor)
    visitor.fill("Backbone", "resnet50")
    assert times(visitor) != before
    assert "preparing the backbone comes first" in visitor.reads()


def test_memory_that_is_too_small_is_said_before_the_start(
    visitor: Visitor, measured: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "free_memory", lambda: 500 * MEGABYTE)
    visitor.open("train", upload=measured.id)
    assert may_start(visitor), "Quick fits"
    assert "files to download need about" in visitor.reads()
    visitor.choose("Balanced", "balanced")
    assert "of free memory, found 500 MB" in visitor.reads()
    assert not may_start(visitor)


def test_a_smaller_batch_is_said_before_the_start(
    visitor: Visitor, measured: Upload, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, asked = measured.intake().dataset, config.preset("balanced")
    needed = resources.memory(dataset, asked, threads.cores())
    monkeypatch.setattr(resources, "free_memory", lambda: needed)
    visitor.open("train", upload=measured.id)
    visitor.choose("Balanced", "balanced")
    assert re.search(r"The batch will be \d+ instead of 32", visitor.reads())
    assert may_start(visitor)


@pytest.mark.parametrize(("minutes", "startable"), [("0.01", False), ("0.15", True)])
def test_a_training_that_is_too_long_for_this_host_is_said_before_the_start(
    visitor: Visitor,
    measured: Upload,
    monkeypatch: pytest.MonkeyPatch,
    minutes: str,
    startable: bool,
) -> None:
    monkeypatch.setenv("TUSKER_JOB_MINUTES", minutes)
    visitor.open("train", upload=measured.id)
    assert f"This host allows a training {minutes} minutes" in visitor.reads()
    assert may_start(visitor) is startable
