from collections.abc import Callable

import numpy as np
import pytest

from core.bakeoff import job as comparisons
from core.bakeoff import result
from core.bakeoff.result import Candidate, Comparison
from core.errors import LimitExceeded
from core.evaluation.intervals import accuracy_difference, proportion
from core.intake.uploads import Upload
from core.jobs import State
from core.jobs.events import Step
from core.settings import Settings
from core.training import config
from core.training.config import TrainingConfig
from tests.pages.visitor import Visitor

QUICK = config.preset("quick")
LITE0, LITE2 = "efficientnet-lite0", "efficientnet-lite2"
COMPARE = "Compare backbones"


@pytest.fixture
def queued_comparison(upload: Upload, host: Settings) -> Upload:
    """An upload that is to be compared."""
    comparisons.start(upload, upload.intake().dataset, QUICK, host)
    return upload


@pytest.fixture
def finished_comparison(queued_comparison: Upload) -> Callable[..., Upload]:
    """`compared(config)`: an upload whose comparison with these settings has ended."""

    def finish(run_config: TrainingConfig = QUICK) -> Upload:
        job = queued_comparison.comparison
        candidates = (
            Candidate(
                backbone=LITE2,
                correct=33,
                accuracy=proportion(33, 40),
                difference=None,
                milliseconds=8.4,
                megabytes=24.3,
            ),
            Candidate(
                backbone=LITE0,
                correct=32,
                accuracy=proportion(32, 40),
                difference=accuracy_difference(np.repeat([1, -1, 0], [2, 1, 37]), np.arange(40)),
                milliseconds=4.1,
                megabytes=18.6,
            ),
        )
        comparison = Comparison(
            conditions=result.conditions_of(queued_comparison.intake().dataset, run_config),
            pictures=40,
            held_out=8,
            candidates=candidates,
        )
        result.write(job.path, comparison)
        job.end(State.FINISHED)
        return queued_comparison

    return finish


def _in_use(visitor: Visitor) -> list[bool]:
    """Of each candidate in turn, whether it is the one in use."""
    return [b.disabled for b in visitor.at.button if b.key and b.key.startswith("use ")]


def test_a_comparison_starts_with_one_press_and_is_there_for_the_next_visit(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    assert "Tries EfficientNet-Lite0 and EfficientNet-Lite2 on them" in visitor.text()
    visitor.fill("Seed", 5).press(COMPARE)
    job = upload.comparison
    assert job.recorded().state is State.QUEUED
    assert job.spec().arguments["config"]["seed"] == 5
    assert COMPARE not in visitor.buttons()
    next_visit = Visitor()
    del next_visit.at.session_state["advanced"]  # which is folded in a new session
    next_visit.open("train", upload=upload.id)
    assert COMPARE not in next_visit.buttons()
    assert "Cancel" in next_visit.buttons()


def test_a_comparison_shows_its_progress_and_can_be_cancelled(
    visitor: Visitor, queued_comparison: Upload
) -> None:
    job = queued_comparison.comparison
    job.begin()
    job.events.append(
        Step(
            what="EfficientNet-Lite2: training heads", done=2, total=5, per_second=1, seconds_left=3
        )
    )
    with job.lock():
        visitor.open("train", upload=queued_comparison.id)
        assert "EfficientNet-Lite2: training heads: 2 of 5 · about 3 s left" in visitor.text()
        visitor.press("Cancel")
        assert job.cancel_requested
    job.end(State.CANCELLED)
    visitor.rerun()
    assert COMPARE in visitor.buttons()


def test_the_result_shows_accuracy_time_and_size_of_each_backbone(
    visitor: Visitor, finished_comparison: Callable[..., Upload]
) -> None:
    visitor.open("train", upload=finished_comparison().id)
    text = visitor.text()
    assert "EfficientNet-Lite0 is as good within the margin of error, and faster" in text
    for figure in ("83 % (68–92)", "80 % (65–90)", "8 ms", "4 ms", "24.3 MB", "18.6 MB"):
        assert figure in text
    (alt,) = [alt for alt in visitor.charts() if alt.startswith("Accuracy by time: ")]
    assert "EfficientNet-Lite2 83 % (68–92) in 8 ms" in alt
    assert "Compare again to be sure" not in text


def test_the_chosen_backbone_is_kept_for_every_preset_and_page(
    visitor: Visitor, finished_comparison: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    configs: list[TrainingConfig] = []
    monkeypatch.setattr("ui.launch.start", lambda *arguments, **_: configs.append(arguments[2]))
    upload = finished_comparison()
    visitor.open("train", upload=upload.id)
    assert _in_use(visitor) == [False, True]
    visitor.press("Use this")
    assert _in_use(visitor) == [True, False]
    assert visitor.value("Backbone") == LITE2
    visitor.choose("Balanced", "balanced")
    assert visitor.value("Backbone") == LITE2
    visitor.open("predict").open("train", upload=upload.id)
    assert visitor.value("Backbone") == LITE2
    visitor.press("Start training")
    assert configs[0].backbone == LITE2
    visitor.press("Use this")
    assert visitor.value("Backbone") == LITE0


@pytest.mark.parametrize("changed", ["Seed", "Test share"])
def test_a_result_for_other_settings_says_so(
    visitor: Visitor, finished_comparison: Callable[..., Upload], changed: str
) -> None:
    visitor.open("train", upload=finished_comparison().id)
    assert "Compare again to be sure" not in visitor.text()
    visitor.fill(changed, {"Seed": 3}.get(changed, 0.25))
    assert "Compare again to be sure" in visitor.text()


def test_a_failed_comparison_says_why_and_can_be_started_again(
    visitor: Visitor, queued_comparison: Upload
) -> None:
    queued_comparison.comparison.end(State.FAILED, "The disk is full. Delete runs.")
    visitor.open("train", upload=queued_comparison.id)
    assert "The disk is full. Delete runs." in visitor.text()
    assert COMPARE in visitor.buttons()


def test_a_full_queue_refuses_a_comparison(
    visitor: Visitor, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise LimitExceeded("The queue is full.")

    monkeypatch.setattr("core.bakeoff.job.start", full)
    visitor.open("train", upload=upload.id).press(COMPARE)
    assert "The queue is full." in visitor.text()
    assert not upload.comparison.exists
