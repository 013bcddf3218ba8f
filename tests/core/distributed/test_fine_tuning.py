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
def larger_shapes(tmp_path_factory: pytest.TempPathFactory) -> ImportedDataset:
    return import_dataset(tmp_path_factory.mktemp("shapes"), classes=3, per_class=27)


@pytest.fixture
def cluster_settings(
    ray_head: Any, tiny: Backbone, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a host with a cluster, on which even a little fine-tuning is shared."""
    monkeypatch.setattr(fine_tuning, "MINIMUM_SECONDS", 0.0)
    monkeypatch.setattr(extraction, "MINIMUM_SHARDS", 10_000)
    return settings.model_copy(update={"runner": "ray", "ray_address": ray_head.address})


@pytest.fixture
def other_node(ray_head: Any) -> Any:
    """Another machine with a core to spare."""
    node = ray_head.add_node(num_cpus=1)
    yield node
    if node in ray_head.worker_nodes:
        ray_head.remove_node(node)


def fine_tune_config(**values: object) -> TrainingConfig:
    """Without dropout, which each process draws for itself."""
    defaults = {"head": {"dropout": 0.0}, "batch_size": 8, "seed": 3}
    return tiny_config("best", **(defaults | values))


def epochs(trained_run: TrainedRun) -> list[Epoch]:
    """Those that trained."""
    trained_epochs = [
        e for e in trained_run.events if isinstance(e, Epoch) and e.phase == "fine-tune"
    ]
    return [epoch for epoch in trained_epochs if epoch.epoch]


def notes(trained_run: TrainedRun) -> list[str]:
    return [event.sentence for event in trained_run.events if isinstance(event, Note)]


def assert_same(shared: TrainedRun, local: TrainedRun) -> None:
    """Both trainings have the same epochs and predictions, up to rounding."""
    assert [e.epoch for e in epochs(shared)] == [e.epoch for e in epochs(local)]
    for epoch, expected_epoch in zip(epochs(shared), epochs(local), strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert getattr(epoch, name) == pytest.approx(getattr(expected_epoch, name), abs=1e-3)
    kept_events, expected = (
        [e for e in trained.events if isinstance(e, Kept) and e.phase == "fine-tune"]
        for trained in (shared, local)
    )
    assert [event.epoch for event in kept_events] == [event.epoch for event in expected]
    assert kept_events[0].epoch > 0
    reports = shared.run.report(), local.run.report()
    assert reports[0].accuracy.value == reports[1].accuracy.value
    for prediction, expected_prediction in zip(
        *(report.predictions for report in reports), strict=True
    ):
        assert prediction.probability == pytest.approx(expected_prediction.probability, abs=2e-3)


def test_two_machines_fine_tune_as_one_does(
    cluster_settings: Settings,
    other_node: Any,
    larger_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[int] = []
    monkeypatch.setattr(fine_tuning, "Team", _team_with_hook(lambda _team, size: rows.append(size)))
    shared = train(larger_shapes, fine_tune_config(), tmp_path / ("a" * 32), cluster_settings)
    assert SHARED in notes(shared) and fine_tuning.LOST not in notes(shared)
    local_settings = cluster_settings.model_copy(update={"runner": "local"})
    alone = train(larger_shapes, fine_tune_config(), tmp_path / ("b" * 32), local_settings)
    assert_same(shared, alone)
    assert {8, 1} == set(rows), "the last batch is to leave the other machine without a row"


def test_a_resumed_fine_tuning_is_shared(
    cluster_settings: Settings,
    other_node: Any,
    larger_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)

    def stop(team: fine_tuning.Team, _size: int) -> None:
        steps.append(team)
        if len(steps) == 30:
            raise Cancelled("Enough.")

    steps: list[fine_tuning.Team] = []
    path = tmp_path / ("c" * 32)
    features = tmp_path / "features"
    with monkeypatch.context() as patched:
        patched.setattr(fine_tuning, "Team", _team_with_hook(stop))
        interrupted = train(
            larger_shapes, fine_tune_config(), path, cluster_settings, features=features
        )
    assert not interrupted.run.complete and epochs(interrupted)
    resumed = TrainedRun(interrupted.run, interrupted.pictures, cluster_settings)
    training_job.train(
        resumed.run, larger_shapes.pictures, cluster_settings, resumed.events.append, features
    )
    assert any("resumes after epoch" in note for note in notes(resumed))
    assert SHARED in notes(resumed) and fine_tuning.LOST not in notes(resumed)
    local_settings = cluster_settings.model_copy(update={"runner": "local"})
    assert_same(
        resumed, train(larger_shapes, fine_tune_config(), tmp_path / ("b" * 32), local_settings)
    )


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_this_machine_continues_after_another_is_lost(
    how: str,
    cluster_settings: Settings,
    ray_head: Any,
    other_node: Any,
    larger_shapes: ImportedDataset,
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
            ray_head.remove_node(other_node, allow_graceful=False)
        else:
            _helpers()[-1].suspend()

    monkeypatch.setattr(fine_tuning, "Team", _team_with_hook(strike))
    trained_run = train(larger_shapes, fine_tune_config(), tmp_path / ("d" * 32), cluster_settings)
    assert trained_run.run.complete
    assert fine_tuning.LOST in notes(trained_run)
    assert [e.epoch for e in epochs(trained_run)] == list(range(1, len(epochs(trained_run)) + 1))
    local_settings = cluster_settings.model_copy(update={"runner": "local"})
    assert_same(
        trained_run, train(larger_shapes, fine_tune_config(), tmp_path / ("b" * 32), local_settings)
    )
    at_work.wait_until(lambda: not _helpers())


def test_a_cancelled_fine_tuning_ends_on_every_machine(
    cluster_settings: Settings,
    other_node: Any,
    larger_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    running: list[int] = []

    def stop(_team: fine_tuning.Team, _size: int) -> None:
        running.append(len(_helpers()))
        raise Cancelled("Enough.")

    monkeypatch.setattr(fine_tuning, "Team", _team_with_hook(stop))
    defaults = fine_tune_config(fine_tune_phase=LONG)
    trained_run = train(larger_shapes, defaults, tmp_path / ("e" * 32), cluster_settings)
    assert running == [1] and not trained_run.run.complete
    assert not ray.is_initialized()
    at_work.wait_until(lambda: not _helpers(), within=30)


def test_few_pictures_are_fine_tuned_locally(
    cluster_settings: Settings,
    larger_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    joined: list[Settings] = []
    monkeypatch.setattr(connection, "join", joined.append)
    trained_run = train(larger_shapes, fine_tune_config(), tmp_path / ("f" * 32), cluster_settings)
    assert trained_run.run.complete and epochs(trained_run)
    assert not joined


def test_fine_tuning_is_local_if_no_other_machine_has_a_free_core(
    cluster_settings: Settings, larger_shapes: ImportedDataset, tmp_path: Path
) -> None:
    trained_run = train(larger_shapes, fine_tune_config(), tmp_path / ("0" * 32), cluster_settings)
    assert trained_run.run.complete and epochs(trained_run)
    assert not {SHARED, fine_tuning.LOST} & set(notes(trained_run))


def test_fine_tuning_is_local_without_a_cluster(
    tiny: Backbone,
    settings: Settings,
    larger_shapes: ImportedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "MINIMUM_SECONDS", 0.0)
    nowhere = settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    trained_run = train(larger_shapes, fine_tune_config(), tmp_path / ("1" * 32), nowhere)
    assert trained_run.run.complete and epochs(trained_run)


@pytest.mark.parametrize("count", [32, 7, 1])
@pytest.mark.parametrize("counts", [(1,), (2, 1), (1,) * 7])
def test_each_row_of_a_batch_is_computed_once(
    count: int, counts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 2)
    helpers: list[Any] = [_Helper() for _ in counts]
    nothing: Any = None
    team = fine_tuning.Team(nothing, nothing, list(zip(helpers, counts, strict=True)))
    rows = np.arange(count)
    (local_rows,), _ = team._send("logits", rows)
    parts = [local_rows, *(helper.rows for helper in helpers)]
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    assert len(local_rows) >= 1
    ideal = [count * cores / (2 + sum(counts)) for cores in (2, *counts)]
    assert all(abs(len(part) - share) <= 1 for part, share in zip(parts, ideal, strict=True))


class _Helper:
    """Stands for an actor whose methods are called with `.remote`."""

    def __init__(self) -> None:
        self.rows = np.arange(0)
        self.call = self

    def remote(self, _update: None, _method: str, rows: np.ndarray) -> None:
        self.rows = rows


def _team_with_hook(hook: Callable[[fine_tuning.Team, int], None]) -> type:
    """A `Team` of which something happens after each step, given its number of rows."""

    class HookedTeam(fine_tuning.Team):
        def step(self, *batch: Any) -> tuple[float, float]:
            result = super().step(*batch)
            hook(self, len(batch[0]))
            return result

    return HookedTeam


def _helpers() -> list[psutil.Process]:
    """Helpers of this very cluster that live."""
    helpers = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::Helper" in " ".join(process.cmdline()) and at_work.is_alive(process):
                helpers.append(process)
    return helpers
