"""Fine-tuning on two machines makes of it what one does, or else it is left to that one."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from core.backbones import Backbone
from core.distributed import connection, extraction, fine_tuning
from core.errors import Cancelled
from core.jobs.events import Epoch, Kept, Note
from core.pipeline import training_job
from core.settings import Settings
from core.system import threads
from core.training import checkpoint
from core.training.config import TrainingConfig
from tests.core.jobs import at_work
from tests.core.trainings import ImportedDataset, TrainedRun, import_dataset, tiny_config, train

SHARED = "2 machines fine-tune together."
LONG = {"epochs": 400, "patience": 400, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ImportedDataset:
    return import_dataset(tmp_path_factory.mktemp("shapes"), classes=3, per_class=27)


@pytest.fixture
def spread(
    ray_head: Any, tiny: Backbone, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a host with a cluster, on which even a little fine-tuning is shared."""
    monkeypatch.setattr(fine_tuning, "WORTH_IT", 0.0)
    monkeypatch.setattr(extraction, "WORTH_IT", 10_000)
    return settings.model_copy(update={"runner": "ray", "ray_address": ray_head.address})


@pytest.fixture
def other(ray_head: Any) -> Any:
    """Another machine with a core to spare."""
    node = ray_head.add_node(num_cpus=1)
    yield node
    if node in ray_head.worker_nodes:
        ray_head.remove_node(node)


def fine_tuned(**values: object) -> TrainingConfig:
    """Without dropout, which each process draws for itself."""
    asked = {"head": {"dropout": 0.0}, "batch_size": 8, "seed": 3}
    return tiny_config("best", **(asked | values))


def epochs(trained_run: TrainedRun) -> list[Epoch]:
    """Those that trained."""
    fine_tuned = [e for e in trained_run.events if isinstance(e, Epoch) and e.phase == "fine-tune"]
    return [epoch for epoch in fine_tuned if epoch.epoch]


def notes(trained_run: TrainedRun) -> list[str]:
    return [event.sentence for event in trained_run.events if isinstance(event, Note)]


def assert_same(trained_run: TrainedRun, alone: TrainedRun) -> None:
    """But for rounding, both went the same way and came to the same answers."""
    assert [e.epoch for e in epochs(trained_run)] == [e.epoch for e in epochs(alone)]
    for ours, theirs in zip(epochs(trained_run), epochs(alone), strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-3)
    kept, expected = (
        [e for e in one.events if isinstance(e, Kept) and e.phase == "fine-tune"]
        for one in (trained_run, alone)
    )
    assert [one.epoch for one in kept] == [one.epoch for one in expected]
    assert kept[0].epoch > 0
    reports = trained_run.run.report(), alone.run.report()
    assert reports[0].accuracy.value == reports[1].accuracy.value
    for ours, theirs in zip(*(report.predictions for report in reports), strict=True):
        assert ours.probability == pytest.approx(theirs.probability, abs=2e-3)


def test_two_machines_make_of_it_what_one_does(
    spread: Settings,
    other: Any,
    shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[int] = []
    monkeypatch.setattr(fine_tuning, "Team", _then(lambda _team, size: rows.append(size)))
    shared = train(shapes, fine_tuned(), tmp_path / ("a" * 32), spread)
    assert SHARED in notes(shared) and fine_tuning.LOST not in notes(shared)
    one = spread.model_copy(update={"runner": "local"})
    alone = train(shapes, fine_tuned(), tmp_path / ("b" * 32), one)
    assert_same(shared, alone)
    assert {8, 1} == set(rows), "the last batch is to leave the other machine without a row"


def test_a_training_that_resumes_is_shared_with_the_weights_of_its_checkpoint(
    spread: Settings,
    other: Any,
    shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)

    def stop(team: fine_tuning.Team, _size: int) -> None:
        steps.append(team)
        if len(steps) == 30:
            raise Cancelled("Enough.")

    steps: list[fine_tuning.Team] = []
    path = tmp_path / ("c" * 32)
    features = tmp_path / "features"
    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "Team", _then(stop))
        interrupted = train(shapes, fine_tuned(), path, spread, features=features)
    assert not interrupted.run.complete and epochs(interrupted)
    resumed = TrainedRun(interrupted.run, interrupted.pictures, spread)
    training_job.train(resumed.run, shapes.pictures, spread, resumed.events.append, features)
    assert any("resumes after epoch" in note for note in notes(resumed))
    assert SHARED in notes(resumed) and fine_tuning.LOST not in notes(resumed)
    one = spread.model_copy(update={"runner": "local"})
    assert_same(resumed, train(shapes, fine_tuned(), tmp_path / ("b" * 32), one))


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_a_machine_that_is_lost_leaves_it_to_this_one(
    how: str,
    spread: Settings,
    ray_head: Any,
    other: Any,
    shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "STALL_SECONDS", 5.0)
    steps: list[int] = []

    def strike(_team: fine_tuning.Team, size: int) -> None:
        steps.append(size)
        if len(steps) != 20:
            return
        if how == "dies":
            ray_head.remove_node(other, allow_graceful=False)
        else:
            _helpers()[-1].suspend()

    monkeypatch.setattr(fine_tuning, "Team", _then(strike))
    trained_run = train(shapes, fine_tuned(), tmp_path / ("d" * 32), spread)
    assert trained_run.run.complete
    assert fine_tuning.LOST in notes(trained_run)
    assert [e.epoch for e in epochs(trained_run)] == list(range(1, len(epochs(trained_run)) + 1))
    one = spread.model_copy(update={"runner": "local"})
    assert_same(trained_run, train(shapes, fine_tuned(), tmp_path / ("b" * 32), one))
    at_work.until(lambda: not _helpers())


def test_a_cancelled_one_ends_everywhere_within_seconds(
    spread: Settings,
    other: Any,
    shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    running: list[int] = []

    def stop(_team: fine_tuning.Team, _size: int) -> None:
        running.append(len(_helpers()))
        raise Cancelled("Enough.")

    monkeypatch.setattr(fine_tuning, "Team", _then(stop))
    asked = fine_tuned(fine_tune_phase=LONG)
    trained_run = train(shapes, asked, tmp_path / ("e" * 32), spread)
    assert running == [1] and not trained_run.run.complete
    assert not ray.is_initialized()
    at_work.until(lambda: not _helpers(), within=30)


def test_few_pictures_are_fine_tuned_here(
    spread: Settings, shapes: ImportedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    joined: list[Settings] = []
    monkeypatch.setattr(connection, "join", joined.append)
    trained_run = train(shapes, fine_tuned(), tmp_path / ("f" * 32), spread)
    assert trained_run.run.complete and epochs(trained_run)
    assert not joined


def test_where_no_other_machine_has_room_it_is_done_here(
    spread: Settings, shapes: ImportedDataset, tmp_path: Path
) -> None:
    trained_run = train(shapes, fine_tuned(), tmp_path / ("0" * 32), spread)
    assert trained_run.run.complete and epochs(trained_run)
    assert not {SHARED, fine_tuning.LOST} & set(notes(trained_run))


def test_where_there_is_no_cluster_it_is_done_here(
    tiny: Backbone,
    settings: Settings,
    shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "WORTH_IT", 0.0)
    nowhere = settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    trained_run = train(shapes, fine_tuned(), tmp_path / ("1" * 32), nowhere)
    assert trained_run.run.complete and epochs(trained_run)


@pytest.mark.parametrize("count", [32, 7, 1])
@pytest.mark.parametrize("counts", [(1,), (2, 1), (1,) * 7])
def test_each_row_of_a_batch_is_computed_once_and_the_first_one_here(
    count: int, counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    helpers: list[Any] = [_Helper() for _ in counts]
    nothing: Any = None
    team = fine_tuning.Team(nothing, nothing, list(zip(helpers, counts, strict=True)))
    rows = np.arange(count)
    (own,), _ = team._send("logits", rows)
    parts = [own, *(helper.rows for helper in helpers)]
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    assert len(own) >= 1
    ideal = [count * cores / (2 + sum(counts)) for cores in (2, *counts)]
    assert all(abs(len(part) - share) <= 1 for part, share in zip(parts, ideal, strict=True))


class _Helper:
    """Stands for an actor whose methods are called with `.remote`."""

    def __init__(self) -> None:
        self.rows = np.arange(0)
        self.logits = self

    def remote(self, _update: None, rows: np.ndarray) -> None:
        self.rows = rows


def _then(happens: Callable[[fine_tuning.Team, int], None]) -> type:
    """A `Team` of which something happens after each step, given its number of rows."""

    class Then(fine_tuning.Team):
        def step(self, *batch: Any) -> tuple[float, float]:
            result = super().step(*batch)
            happens(self, len(batch[0]))
            return result

    return Then


def _helpers() -> list[psutil.Process]:
    """Helpers of this very cluster that live."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::Helper" in " ".join(process.cmdline()) and at_work.lives(process):
                found.append(process)
    return found
