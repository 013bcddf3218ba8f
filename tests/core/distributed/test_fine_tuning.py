"""Fine-tuning on two machines makes of it what one does, or else it is left to that one."""

import contextlib
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.backbones import Backbone, get
from core.distributed import connection, extraction, fine_tuning
from core.distributed.rank import FineTuneResult
from core.errors import Cancelled
from core.jobs.events import Emit, Epoch, Event, Kept, Note
from core.jobs.folder import CHECKPOINT
from core.settings import Settings
from core.training.config import TrainingConfig
from core.training.network import Network
from core.training.team import Team
from tests.core.jobs import at_work
from tests.core.trainings import Taken, Trained, asked_for, take_in, train

SHARED = "2 machines fine-tune together."
LONG = {"epochs": 400, "patience": 400, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return take_in(tmp_path_factory.mktemp("shapes"), classes=3, per_class=27)


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
    return asked_for("balanced", **(asked | values))


def epochs(trained: Trained) -> list[Epoch]:
    return [e for e in trained.said if isinstance(e, Epoch) and e.phase == "fine-tune"]


def notes(trained: Trained) -> list[str]:
    return [event.sentence for event in trained.said if isinstance(event, Note)]


def assert_same(trained: Trained, alone: Trained) -> None:
    """But for rounding, both went the same way and came to the same answers."""
    assert [e.epoch for e in epochs(trained)] == [e.epoch for e in epochs(alone)]
    for ours, theirs in zip(epochs(trained), epochs(alone), strict=True):
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-3)
    kept, expected = (
        [e for e in one.said if isinstance(e, Kept) and e.phase == "fine-tune"]
        for one in (trained, alone)
    )
    assert [one.epoch for one in kept] == [one.epoch for one in expected]
    assert kept[0].epoch > 0
    reports = trained.run.report(), alone.run.report()
    assert reports[0].accuracy.value == reports[1].accuracy.value
    for ours, theirs in zip(*(report.predictions for report in reports), strict=True):
        assert ours.probability == pytest.approx(theirs.probability, abs=2e-3)


def test_two_machines_make_of_it_what_one_does(
    spread: Settings, other: Any, shapes: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[list[FineTuneResult]] = []
    agreed = fine_tuning.agreed_result
    monkeypatch.setattr(
        fine_tuning, "agreed_result", lambda all_: (ended.append(all_), agreed(all_))[1]
    )
    shared = train(shapes, fine_tuned(), tmp_path / ("a" * 32), spread)
    assert SHARED in notes(shared)
    one = spread.model_copy(update={"runner": "local"})
    alone = train(shapes, fine_tuned(), tmp_path / ("b" * 32), one)
    assert_same(shared, alone)
    pictures = sum(example.split == "train" for example in alone.run.dataset().examples)
    assert pictures % 8 == 1, "the last batch is to leave one machine without a row"
    ((first, second),) = ended
    assert first.digest == second.digest and first.weights and not second.weights


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_a_machine_that_is_lost_leaves_it_to_this_one(
    how: str,
    spread: Settings,
    ray_head: Any,
    other: Any,
    shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "STALL_SECONDS", 5.0)
    struck: list[int] = []

    def strike(epoch: Epoch) -> None:
        kept = tmp_path / ("d" * 32) / CHECKPOINT
        if struck or not kept.is_file():
            return
        struck.append(epoch.epoch)
        if how == "dies":
            ray_head.remove_node(other, allow_graceful=False)
        else:
            _ranks()[-1].suspend()

    monkeypatch.setattr(fine_tuning, "DeduplicatedEpochs", _then(strike))
    asked = fine_tuned(fine_tune_phase=LONG)
    trained = train(shapes, asked, tmp_path / ("d" * 32), spread)
    assert trained.run.complete
    assert struck and fine_tuning.LOST in notes(trained)
    assert any("resumes after epoch" in note for note in notes(trained))
    assert [e.epoch for e in epochs(trained)] == list(range(1, 401))
    at_work.until(lambda: not _ranks())


def test_a_cancelled_one_ends_everywhere_within_seconds(
    spread: Settings,
    other: Any,
    shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import ray

    running: list[int] = []

    def stop(_epoch: Epoch) -> None:
        running.append(len(_ranks()))
        raise Cancelled("Enough.")

    monkeypatch.setattr(fine_tuning, "DeduplicatedEpochs", _then(stop))
    asked = fine_tuned(fine_tune_phase=LONG)
    trained = train(shapes, asked, tmp_path / ("e" * 32), spread)
    assert running == [2] and not trained.run.complete
    assert not ray.is_initialized()
    assert at_work.until(lambda: not _ranks()) < 5


def test_the_processes_draw_their_dropout_apart() -> None:
    from core.training.finetune import Tuner

    class Second(Team):
        rank = 1

    asked, network = fine_tuned(head={"dropout": 0.5}), Network(get("tiny"), Settings())
    seeds = [
        [layer.seed for layer in Tuner(network, asked, 3, 9, team).network.layers[-2:-1]]
        for team in (Team(), Second())
    ]
    assert seeds[0] != seeds[1]


def test_few_pictures_are_fine_tuned_here(
    spread: Settings, shapes: Taken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    joined: list[Settings] = []
    monkeypatch.setattr(connection, "join", joined.append)
    trained = train(shapes, fine_tuned(), tmp_path / ("f" * 32), spread)
    assert trained.run.complete and epochs(trained)
    assert not joined


def test_where_no_other_machine_has_room_it_is_done_here(
    spread: Settings, shapes: Taken, tmp_path: Path
) -> None:
    trained = train(shapes, fine_tuned(), tmp_path / ("0" * 32), spread)
    assert trained.run.complete and epochs(trained)
    assert not {SHARED, fine_tuning.LOST} & set(notes(trained))


def test_where_there_is_no_cluster_it_is_done_here(
    tiny: Backbone,
    settings: Settings,
    shapes: Taken,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fine_tuning, "WORTH_IT", 0.0)
    nowhere = settings.model_copy(update={"runner": "ray", "ray_address": "127.0.0.1:9"})
    trained = train(shapes, fine_tuned(), tmp_path / ("1" * 32), nowhere)
    assert trained.run.complete and epochs(trained)


def test_processes_that_end_differently_are_not_believed() -> None:
    kept = Kept(phase="fine-tune", epoch=1, validation_loss=0.1, validation_accuracy=1.0)
    with pytest.raises(RuntimeError, match="different"):
        fine_tuning.agreed_result(
            [FineTuneResult(kept, "a", [], ()), FineTuneResult(kept, "b", [], ())]
        )


def test_an_epoch_that_is_run_again_is_not_told_again() -> None:
    said: list[Event] = []
    once = fine_tuning.DeduplicatedEpochs(said.append)
    for number in (1, 2, 1, 2, 3):
        once(Epoch(phase="fine-tune", epoch=number, epochs=3, loss=1, accuracy=1, seconds=1))
    assert [event.epoch for event in said if isinstance(event, Epoch)] == [1, 2, 3]


def _then(happens: Any) -> type:
    """`DeduplicatedEpochs`, after which something happens at each epoch."""

    class Then(fine_tuning.DeduplicatedEpochs):
        def __init__(self, emit: Emit) -> None:
            super().__init__(emit)

        def __call__(self, event: Event) -> None:
            super().__call__(event)
            if isinstance(event, Epoch):
                happens(event)

    return Then


def _ranks() -> list[psutil.Process]:
    """Processes of a team of this very cluster that live."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::Rank" in " ".join(process.cmdline()) and at_work.lives(process):
                found.append(process)
    return found
