"""What was measured is found again on the same machine, and on no other."""

import multiprocessing
import shutil
from pathlib import Path

import pytest

from core import backbones
from core.backbones import Backbone
from core.estimating import measurements
from core.estimating.measurements import FILE, KEPT, Key
from core.settings import Settings
from core.system import threads

SPEED = Key("seconds a view, litert", "tiny", "ab12")


def test_what_was_never_measured_is_not_known(settings: Settings) -> None:
    assert measurements.recall(settings, SPEED) is None


def test_what_was_measured_is_known_to_the_next_process(settings: Settings) -> None:
    measurements.remember(settings, SPEED, 0.25)
    other = settings.model_copy()
    assert measurements.recall(other, SPEED) == 0.25


@pytest.mark.parametrize(
    "other",
    [
        Key("seconds a view, tensorflow", "tiny", "ab12"),
        Key("seconds a view, litert", "resnet50", "ab12"),
        Key("seconds a view, litert", "tiny", "cd34"),
    ],
)
def test_another_engine_backbone_or_model_is_measured_anew(settings: Settings, other: Key) -> None:
    measurements.remember(settings, SPEED, 0.25)
    assert measurements.recall(settings, other) is None


def test_another_machine_is_measured_anew(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    measurements.remember(settings, SPEED, 0.25)
    monkeypatch.setattr(measurements, "machine", lambda: "another processor")
    assert measurements.recall(settings, SPEED) is None
    measurements.remember(settings, SPEED, 0.5)
    monkeypatch.undo()
    assert measurements.recall(settings, SPEED) == 0.25, "the home may be shared"


def test_the_machine_is_told_by_its_processor_its_cores_and_the_versions_of_the_engines() -> None:
    assert f"{threads.cores()} cores" in measurements.machine()
    assert "ai-edge-litert " in measurements.machine()


def test_one_measurement_on_a_busy_machine_is_outvoted(settings: Settings) -> None:
    for seconds in (0.25, 0.26, 9.0):
        measurements.remember(settings, SPEED, seconds)
    assert measurements.recall(settings, SPEED) == 0.26


def test_a_machine_that_has_become_slower_is_believed_in_the_end(settings: Settings) -> None:
    for _ in range(2 * KEPT):
        measurements.remember(settings, SPEED, 0.25)
    for _ in range(KEPT):
        measurements.remember(settings, SPEED, 1.0)
    assert measurements.recall(settings, SPEED) == 1.0


@pytest.mark.parametrize("damage", [b"", b"{", b'{"version": 2, "entries": []}', b"\xff\xfe"])
def test_a_damaged_file_is_an_empty_one(settings: Settings, damage: bytes) -> None:
    settings.home.mkdir()
    (settings.home / FILE).write_bytes(damage)
    assert measurements.recall(settings, SPEED) is None
    measurements.remember(settings, SPEED, 0.25)
    assert measurements.recall(settings, SPEED) == 0.25


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_kept(settings: Settings, value: float) -> None:
    measurements.remember(settings, SPEED, value)
    assert measurements.recall(settings, SPEED) is None


def test_a_home_that_cannot_be_written_to_is_put_up_with(settings: Settings) -> None:
    settings.home.write_text("a file, not a folder")
    measurements.remember(settings, SPEED, 0.25)
    assert measurements.recall(settings, SPEED) is None


def test_processes_that_measure_at_once_do_not_forget_each_others(settings: Settings) -> None:
    keys = [Key(f"seconds of {number}") for number in range(8)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(measurements.remember, [(settings, key, 1.0) for key in keys])
    assert all(measurements.recall(settings, key) == 1.0 for key in keys)


def test_a_backbone_that_was_prepared_anew_is_measured_anew(
    tiny: Backbone, settings: Settings
) -> None:
    key = measurements.key_of("seconds a view", tiny, settings)
    measurements.remember(settings, key, 0.25)
    assert key.model, "the serving model is part of the key"
    for folder in settings.home.rglob(tiny.name):
        shutil.rmtree(folder)
    assert measurements.key_of("seconds a view", backbones.get("tiny"), settings) != key


def test_only_the_latest_keys_are_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measurements, "MOST", 2)
    for number in range(3):
        measurements.remember(settings, Key(f"seconds of {number}"), 1.0)
    known = [measurements.recall(settings, Key(f"seconds of {number}")) for number in range(3)]
    assert known == [None, 1.0, 1.0]
