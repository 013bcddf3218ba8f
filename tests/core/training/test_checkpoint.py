"""Fine-tuning that broke off goes on after its last epoch, and ends as it would have ended."""

import logging
import math
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import backbones, dataset, runs
from core.backbones import Backbone, build
from core.jobs.events import Epoch, Event, Note
from core.jobs.folder import CHECKPOINT
from core.model.dense import DenseHead
from core.pipeline import training_job
from core.runs.run import Run
from core.settings import Settings
from core.training import checkpoint, finetune
from core.training.cache import FeatureCache
from core.training.checkpoint import Checkpoint, FineTuneState, Score
from core.training.config import TrainingConfig, parse
from core.training.context import TrainingContext
from core.training.finetune import Tuner
from tests.core.training import clouds
from tests.core.trainings import ImportedDataset, TrainedRun, tiny_config

RESUMES = "Fine-tuning resumes after epoch"


class Killed(BaseException):
    """As a process ends that is killed: nothing that looks for errors sees it."""


@pytest.fixture(autouse=True)
def write_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SHARE", math.inf)


class FineTuning:
    """The tiny backbone fine-tuned, with what was said; `until` names an epoch not to survive."""

    def __init__(
        self, config: TrainingConfig, checkpoint: Checkpoint | None, killed_in: int = 0
    ) -> None:
        self.events: list[Event] = []
        self.tuner = Tuner(build.trunk(backbones.get("tiny")), config, 3, pictures=24)
        train, validation = clouds.cuts(0, 24, views=2), clouds.cuts(1, 12)

        def emit(event: Event) -> None:
            self.events.append(event)
            if isinstance(event, Epoch) and event.epoch == killed_in > 0:
                raise Killed

        try:
            self.head, self.kept = self.tuner.fit(
                random_head(), *train, *validation, emit, checkpoint
            )
        except Killed:
            assert killed_in

    @property
    def epochs(self) -> list[Epoch]:
        """Those that trained."""
        return [event for event in self.events if isinstance(event, Epoch) and event.epoch]

    @property
    def losses(self) -> list[tuple[int, float, float | None]]:
        return [(e.epoch, e.loss, e.validation_loss) for e in self.epochs]

    @property
    def notes(self) -> list[str]:
        return [event.sentence for event in self.events if isinstance(event, Note)]

    @property
    def weights(self) -> list[np.ndarray]:
        return self.tuner.network.get_weights()


def random_head() -> DenseHead:
    random = np.random.default_rng(1)
    widths = [(backbones.get("tiny").embedding, 7), (7, 3)]
    return DenseHead(
        tuple(
            (random.normal(0, 0.3, shape).astype(np.float32), np.zeros(shape[1], np.float32))
            for shape in widths
        )
    )


def configure(optimizer: str = "adam", **phase: object) -> TrainingConfig:
    """Hidden layers with dropout, so that seeds of layers count."""
    phase_values = {
        "epochs": 6,
        "patience": 20,
        "learning_rate": 5e-3,
        "optimizer": optimizer,
    } | phase
    head = {"hidden": [7], "dropout": 0.3}
    return parse(
        {"backbone": "tiny", "batch_size": 10, "unfreeze": {"stages": 1}, "head": head}
        | {"fine_tune_phase": phase_values}
    )


@cache
def uninterrupted_training(optimizer: str = "adam", epochs: int = 6) -> FineTuning:
    """A training that nothing interrupts."""
    return FineTuning(configure(optimizer, epochs=epochs), None)


@cache
def _fourth_epoch() -> bytes:
    """The checkpoint of a training that was killed in its fourth epoch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / CHECKPOINT
        FineTuning(configure(), Checkpoint(path, "a"), killed_in=4)
        return path.read_bytes()


@pytest.mark.parametrize(
    "optimizer",
    ["adam", *(pytest.param(name, marks=pytest.mark.slow) for name in ("adamw", "rmsprop", "sgd"))],
)
def test_a_killed_fine_tuning_resumes_after_its_last_epoch_bit_for_bit(
    tmp_path: Path, optimizer: str
) -> None:
    config, path = configure(optimizer), tmp_path / CHECKPOINT
    FineTuning(config, Checkpoint(path, "a"), killed_in=4)
    resumed = FineTuning(config, Checkpoint(path, "a"))
    assert resumed.tuner.epochs == 3, "it began with another epoch than the fourth"
    assert resumed.notes == [f"{RESUMES} 3, which was kept."]
    expected = uninterrupted_training(optimizer)
    assert resumed.losses == expected.losses, "each epoch once, as it would have been"
    same = {"exclude": {"at"}}
    assert resumed.kept.model_dump(**same) == expected.kept.model_dump(**same)
    assert expected.kept.epoch > 0
    for array, expected_array in zip(resumed.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(array, expected_array)


def test_a_fine_tuning_that_had_stopped_early_trains_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([1.0, 2.0, 3.0, 4.0])
    monkeypatch.setattr(
        Tuner, "_score", lambda *_: (lambda loss: Score(loss, 0.5, loss))(next(losses))
    )
    config, path = configure(patience=3), tmp_path / CHECKPOINT
    finished = FineTuning(config, Checkpoint(path, "a"))
    assert len(finished.epochs) == 3
    resumed = FineTuning(config, Checkpoint(path, "a"))
    assert (resumed.tuner.epochs, resumed.kept.epoch) == (0, 0)
    for array, expected_array in zip(resumed.weights, finished.weights, strict=True):
        np.testing.assert_array_equal(array, expected_array)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """The checkpoint of a training that was killed in its fourth epoch."""
    path = tmp_path / CHECKPOINT
    path.write_bytes(_fourth_epoch())
    return path


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(fraction: float) -> Callable[[bytes], bytes]:
    def flip(content: bytes) -> bytes:
        at = int(fraction * (len(content) - 1))
        return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]

    return flip


@pytest.mark.parametrize(
    "damage",
    [_cut, _flipped(0), _flipped(0.01), _flipped(0.6), lambda _: b"", lambda _: b"{}"],
    ids=["half", "magic", "metadata", "numbers", "empty", "other"],
)
def test_a_damaged_checkpoint_is_ignored_with_a_warning(
    interrupted: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    interrupted.write_bytes(damage(interrupted.read_bytes()))
    tuner = uninterrupted_training(epochs=2).tuner
    generator = np.random.default_rng(0)
    before = [variable.numpy() for variable in tuner.network.variables]
    drawn = generator.bit_generator.state
    with caplog.at_level(logging.WARNING):
        assert Checkpoint(interrupted, "a").read(tuner.network.variables, generator) is None
    assert "the checkpoint is ignored" in caplog.text
    after = [variable.numpy() for variable in tuner.network.variables]
    assert all(map(np.array_equal, before, after))
    assert generator.bit_generator.state == drawn


def test_the_checkpoint_of_another_training_is_ignored(
    interrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        restarted = FineTuning(configure(epochs=2), Checkpoint(interrupted, "b"))
    assert "of other settings" in caplog.text
    assert (restarted.tuner.epochs, restarted.notes) == (2, [])
    assert restarted.losses == uninterrupted_training(epochs=2).losses


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        finished = FineTuning(configure(epochs=2), Checkpoint(tmp_path / "gone" / CHECKPOINT, "a"))
    assert len(finished.epochs) == 2
    assert "epoch 2 was not written" in caplog.text
    assert [*tmp_path.iterdir()] == []


def test_a_slow_disk_gets_fewer_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, writes = [0.0], []

    def slow(*_: object, **_arrays: object) -> None:
        writes.append(now[0])
        now[0] += 10.0

    monkeypatch.setattr(checkpoint, "SHARE", 0.05)
    monkeypatch.setattr(checkpoint.np, "savez", slow)
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    checkpoint_file = Checkpoint(tmp_path / CHECKPOINT, "a")
    state = FineTuneState(start=Score(1, 1, 1), score=Score(1, 1, 1))
    for _ in range(500):
        now[0] += 1.0
        checkpoint_file.write(state, [], np.random.default_rng(0))
    assert len(writes) == 3
    assert np.diff(writes).min() >= 200


def test_a_checkpoint_keeps_infinite_losses_and_the_random_generator(tmp_path: Path) -> None:
    checkpoint_file = Checkpoint(tmp_path / CHECKPOINT, "a")
    epoch = Epoch(
        phase="fine-tune", epoch=1, epochs=2, loss=math.inf, accuracy=0.1 + 0.2, seconds=1
    )
    before = FineTuneState(
        start=Score(math.inf, 0.2, 0.1),
        score=Score(math.nan, 1 / 3, math.inf),
        best=[np.ones((2, 3), np.float32)],
        best_epoch=1,
        epochs=[epoch],
    )
    generator, generator_after = np.random.default_rng(3), np.random.default_rng(4)
    generator.permutation(7)
    checkpoint_file.write(before, [], generator)
    after = checkpoint_file.read([], generator_after)
    assert after is not None
    assert math.isnan(after.score.loss) and after.score.tempered == math.inf
    assert (after.score.accuracy, after.best_epoch, after.epochs) == (1 / 3, 1, [epoch])
    np.testing.assert_array_equal(after.best[0], before.best[0])
    assert generator_after.permutation(9).tolist() == generator.permutation(9).tolist()


def test_the_key_depends_on_settings_classes_and_split_but_not_on_the_name(
    tiny: Backbone, settings: Settings, shapes_dataset: ImportedDataset, tmp_path: Path
) -> None:
    def key(config: TrainingConfig | None = None, **values: Any) -> str:
        split = dataset.split(shapes_dataset.dataset, validation=0.2, test=0.2, seed=0)
        split = split.model_copy(update=values)
        config = config or tiny_config("best")
        context = TrainingContext(
            config, split, tmp_path, tiny, settings, FeatureCache(tmp_path), lambda _: None
        )
        return checkpoint.key_of(context)

    examples = dataset.split(shapes_dataset.dataset, validation=0.2, test=0.2, seed=0).examples
    moved = examples[0].model_copy(update={"split": "test"}), *examples[1:]
    other_keys = {
        key(tiny_config("best", seed=1)),
        key(tiny_config("best", batch_size=4)),
        key(classes=tuple(reversed(shapes_dataset.dataset.classes))),
        key(examples=examples[1:]),
        key(examples=moved if examples[0].split != "test" else examples[2:]),
    }
    assert len(other_keys) == 5
    assert key() not in other_keys
    assert key() == key(name="Renamed")


def test_a_run_that_was_killed_in_an_epoch_gets_the_same_report(
    tiny: Backbone,
    trainings: Callable[[str], TrainedRun],
    settings: Settings,
    shapes_dataset: ImportedDataset,
    tmp_path: Path,
) -> None:
    config, uninterrupted = tiny_config("best"), trainings("best")
    run = runs.create(config, shapes_dataset.dataset, tmp_path / ("b" * 32))
    features = tmp_path / "features"
    with pytest.raises(Killed):
        _train_until(run, shapes_dataset, settings, features, killed_in=4)
    assert run.job.checkpoint.is_file()
    run.clear()
    events = _train_until(run, shapes_dataset, settings, features)
    assert any(isinstance(e, Note) and f"{RESUMES} 3" in e.sentence for e in events)
    assert run.report() == uninterrupted.run.report()
    assert np.array_equal(run.probabilities(), uninterrupted.run.probabilities())
    weights = Path("model") / "weights.safetensors"
    assert (run.path / weights).read_bytes() == (uninterrupted.run.path / weights).read_bytes()
    assert _epochs(events) == _epochs(uninterrupted.events)
    assert not run.job.checkpoint.exists()
    assert CHECKPOINT not in run.manifest().files


def _epochs(events: list[Event]) -> list[tuple[str, int, float]]:
    return [(e.phase, e.epoch, e.loss) for e in events if isinstance(e, Epoch)]


def _train_until(
    run: Run, imported: ImportedDataset, settings: Settings, features: Path, killed_in: int = 0
) -> list[Event]:
    """Train until an epoch of fine-tuning is told, or up to the report."""
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        tuned = isinstance(event, Epoch) and event.phase == finetune.PHASE
        if tuned and event.epoch == killed_in > 0:
            raise Killed
        if run.complete and not killed_in:
            raise KeyboardInterrupt

    try:
        training_job.train(run, imported.pictures, settings, emit, features)
    except KeyboardInterrupt:
        assert run.complete
    return events
