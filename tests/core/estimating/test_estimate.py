"""What a training will take is said before it begins."""

import dataclasses
import re
from pathlib import Path

import pytest

from core import intake
from core.dataset import Dataset
from core.errors import LimitExceeded, NotEnoughResources
from core.estimating import cost_model, estimate, known, measurements, resources
from core.estimating.estimate import Amount, Estimate
from core.estimating.resources import Counts
from core.estimating.throughput import Pace
from core.settings import MEGABYTE, Settings
from core.system import threads
from core.training import cache
from core.training import config as room
from core.training.config import TrainingConfig
from tests.core.trainings import Taken, asked_for, take_in, train

PACE = Pace(
    backbone="efficientnet-lite0",
    decode=0.002, render=0.002, view=0.0096, standard=0.0096, cores=2, crowding=1.0,
)  # fmt: skip
QUICK, BALANCED, THOROUGH = map(room.preset, room.PRESETS)


@pytest.fixture
def pictures(some_shapes: Taken) -> Dataset:
    """A thousand pictures."""
    examples = some_shapes.dataset.examples
    many = tuple(examples[i % len(examples)] for i in range(1_000))
    return some_shapes.dataset.model_copy(update={"examples": many})


def of(pictures: Dataset, config: TrainingConfig, settings: Settings, **pace: float) -> Estimate:
    return estimate.estimate(pictures, config, PACE.model_copy(update=pace), settings)


def test_a_more_thorough_preset_takes_longer(pictures: Dataset, settings: Settings) -> None:
    quick, balanced, thorough = (of(pictures, c, settings) for c in (QUICK, BALANCED, THOROUGH))
    assert 2 * quick.scored.value < balanced.scored.value < thorough.scored.value
    assert quick.memory.value < balanced.memory.value
    assert quick.disk.value < balanced.disk.value


def test_quick_is_the_pass_and_little_else(pictures: Dataset, settings: Settings) -> None:
    each = (PACE.decode + PACE.view) / PACE.cores
    found = of(pictures, QUICK, settings).scored.value
    assert 1_000 * each < found < 1.5 * 1_000 * each


def test_each_random_view_is_rendered_and_passed(settings: Settings) -> None:
    parts = Counts(train=100, validation=0, test=0)

    def passing(views: int) -> float:
        augmentation = QUICK.augmentation.model_copy(update={"views": views})
        return cost_model.passing(
            QUICK.model_copy(update={"augmentation": augmentation}), parts, PACE
        )

    assert passing(2) - passing(1) == pytest.approx(100 * PACE.view), "a mirror image costs nothing"
    assert passing(3) - passing(2) == pytest.approx(100 * (PACE.view + PACE.render))


def test_half_of_a_machine_takes_twice_as_long(pictures: Dataset, settings: Settings) -> None:
    alone, crowded = (of(pictures, BALANCED, settings, crowding=c) for c in (1.0, 2.0))
    assert 1.5 < crowded.scored.value / alone.scored.value <= 2.0


def test_views_that_were_seen_before_take_no_time(pictures: Dataset, settings: Settings) -> None:
    views = resources.views(pictures, QUICK)
    half, all_ = (
        estimate.estimate(pictures, QUICK, PACE, settings, known=k) for k in (views // 2, views)
    )
    new = of(pictures, QUICK, settings)
    assert all_.scored.value < half.scored.value < new.scored.value
    assert all_.scored.value < 0.25 * new.scored.value


def test_an_interval_holds_what_early_stopping_may_save(
    pictures: Dataset, settings: Settings
) -> None:
    phase = BALANCED.fine_tune_phase
    hasty = BALANCED.model_copy(
        update={"fine_tune_phase": phase.model_copy(update={"epochs": 50, "patience": 1})}
    )
    found = of(pictures, hasty, settings).scored
    assert found.low < 0.4 * found.value < found.value < found.high


def test_what_fine_tuning_took_is_remembered(pictures: Dataset, settings: Settings) -> None:
    before = of(pictures, BALANCED, settings).scored.value
    parts = resources.counts(pictures, BALANCED)
    augmentation = 6 * (parts.train + cost_model.FORWARD * parts.validation)
    cost_model.remember_steps(
        BALANCED, pictures, epochs=6, cpu=augmentation * 0.1, settings=settings
    )
    assert cost_model.step(BALANCED, PACE, settings) == pytest.approx(0.1)
    assert of(pictures, BALANCED, settings).scored.value > 3 * before
    assert cost_model.step(THOROUGH, PACE, settings) < 0.1, "it trains other stages"


def test_a_training_that_was_cancelled_before_its_first_epoch_teaches_nothing(
    pictures: Dataset, settings: Settings
) -> None:
    cost_model.remember_steps(BALANCED, pictures, epochs=0, cpu=5.0, settings=settings)
    assert measurements.recall(settings, cost_model.step_key(BALANCED, settings)) is None


def test_what_starting_and_exporting_took_is_remembered(
    pictures: Dataset, settings: Settings
) -> None:
    measurements.remember(settings, cost_model.start_key(BALANCED, settings), 500.0)
    assert of(pictures, BALANCED, settings).scored.value > 500
    measurements.remember(settings, cost_model.exports_key(BALANCED, settings), 77.0)
    assert of(pictures, BALANCED, settings).exports.value == 77
    assert of(pictures, QUICK, settings).exports.value < 77


def test_it_is_less_sure_of_a_backbone_that_was_not_measured(
    pictures: Dataset, settings: Settings
) -> None:
    measured = of(pictures, QUICK, settings).scored
    guessed = estimate.estimate(
        pictures, QUICK, PACE.model_copy(update={"scaled": True}), settings
    ).scored
    assert guessed.high > measured.high


def test_the_sentence_says_time_memory_and_disk(pictures: Dataset, settings: Settings) -> None:
    said = of(pictures, QUICK, settings).sentence
    assert re.fullmatch(
        r"About \d s \(\d–\d s\) to a scored model, then \d+ s for the files to download; "
        r"about \d+ MB of memory and \d+ MB of disk\.",
        said,
    ), said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "under 1 s"), (6.4, "6 s"), (42, "40 s"), (89, "1.5 min"), (170, "3 min"),
        (600, "10 min"), (3599, "1 h"), (5000, "1 h 23 min"),
    ],
)  # fmt: skip
def test_times_have_as_many_digits_as_they_deserve(seconds: float, said: str) -> None:
    assert estimate.duration(seconds) == said


def test_a_batch_that_does_not_fit_is_made_smaller_and_the_rest_refused(
    pictures: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert estimate.check(pictures, BALANCED, settings) == BALANCED
    needed = resources.memory(pictures, BALANCED, threads.cores())
    monkeypatch.setattr(resources, "free_memory", lambda: needed)
    assert estimate.check(pictures, BALANCED, settings).batch_size < BALANCED.batch_size
    monkeypatch.setattr(resources, "free_memory", lambda: 700 * MEGABYTE)
    assert estimate.check(pictures, QUICK, settings) == QUICK
    with pytest.raises(NotEnoughResources, match="memory"):
        estimate.check(pictures, BALANCED, settings)
    with pytest.raises(NotEnoughResources, match="memory"):
        estimate.check_exports(QUICK)


def test_a_disk_that_would_be_full_is_refused(
    pictures: Dataset, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "free_disk", lambda _: 50 * MEGABYTE)
    with pytest.raises(NotEnoughResources, match="disk"):
        estimate.check(pictures, BALANCED, settings)


def test_a_training_that_this_host_will_not_let_end_is_refused(
    pictures: Dataset, settings: Settings
) -> None:
    foreseen = of(pictures, BALANCED, settings)
    hours = settings.model_copy(update={"job_minutes": 600.0})
    assert not estimate.overtime(foreseen, hours)
    estimate.check_time(foreseen, hours)
    hasty = settings.model_copy(update={"job_minutes": 0.1})
    with pytest.raises(LimitExceeded, match="TUSKER_JOB_MINUTES"):
        estimate.check_time(foreseen, hasty)


def test_a_training_that_may_be_too_long_is_only_warned_of(
    pictures: Dataset, settings: Settings
) -> None:
    foreseen = dataclasses.replace(of(pictures, QUICK, settings), scored=Amount(60.0, 30.0, 90.0))
    minute = settings.model_copy(update={"job_minutes": 1.0})
    assert "allows a training 1 minute;" in estimate.overtime(foreseen, minute)
    estimate.check_time(foreseen, minute)


def test_views_of_an_earlier_training_are_counted(
    tiny: object, some_shapes: Taken, tmp_path: Path, settings: Settings
) -> None:
    taken = take_in(tmp_path / "own", classes=3, per_class=10)
    asked, other = asked_for("quick"), asked_for("quick", seed=1)
    assert known.views(taken.dataset, asked, taken.pictures, settings) == 0
    kept = cache.cache_folder(taken.pictures, settings)
    train(taken, asked, tmp_path / "run", settings, features=kept)
    for config in (asked, other):  # the plain view is the same for every seed
        views = resources.views(taken.dataset, config)
        assert known.views(taken.dataset, config, taken.pictures, settings) == views == 30
    balanced = asked_for("balanced")
    assert known.views(taken.dataset, balanced, taken.pictures, settings) == 0, "no cuts were kept"


def test_pictures_are_measured_and_foreseen_in_one_go(
    some_shapes: Taken, settings: Settings
) -> None:
    folder = intake.pictures(some_shapes.pictures.parent)
    found = estimate.measured(some_shapes.dataset, folder, [QUICK, BALANCED], settings)
    assert [one.scored.value > 0 for one in found] == [True, True]
