"""All runs of a machine: making, finding, listing and deleting them."""

import os
import re
import time

import pytest

from core import runs
from core.errors import BadInput, UnknownModel
from core.jobs import State
from core.runs import store
from tests.core.trainings import tiny_config


def test_a_new_run_has_a_random_id(settings):
    paths = {runs.new_path(settings) for _ in range(50)}
    assert len(paths) == 50
    for path in paths:
        assert path.parent == settings.home.resolve() / "runs"
        assert re.fullmatch("[0-9a-f]{32}", path.name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "0" * 32,
        "0" * 31,
        "../../etc/passwd",
        "../runs/{id}",
        "{id}/",
        "{id}/../{id}",
        "{id}\n",
        "{upper}",
        "{id}\x00",
    ],
)
def test_other_names_are_no_run_ids(settings, queued, name):
    run_id = name.format(id=queued.id, upper=queued.id.upper() + "A")
    with pytest.raises(UnknownModel, match="No run with this id"):
        runs.get(settings, run_id)


def test_a_folder_is_a_run_if_it_holds_settings(queued, tmp_path):
    assert runs.open_folder(queued.path).id == queued.id
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match=r"holds no config\.json"):
            runs.open_folder(path)


def test_every_run_is_listed_and_nothing_else(settings, queued, shapes_dataset):
    second = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    (runs.folder(settings) / ("e" * 32)).mkdir()
    runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.folder(settings) / "by hand")
    assert {run.id for run in runs.list_runs(settings)} == {queued.id, second.id}


def _set_age(path, minutes):
    past = time.time() - minutes * 60
    os.utime(path, (past, past))


@pytest.fixture
def ended(settings, queued):
    """The run after it was cancelled."""
    queued.job.end(State.CANCELLED, "Cancelled.")
    return queued


def test_a_discarded_run_is_hidden_and_can_be_restored(settings, ended):
    before = {path.name: path.read_bytes() for path in ended.path.iterdir() if path.is_file()}
    runs.discard(ended, settings)
    assert runs.list_runs(settings) == ()
    with pytest.raises(UnknownModel):
        runs.get(settings, ended.id)
    assert runs.restorable(ended.id, settings)
    restored = runs.restore(ended.id, settings)
    assert [run.id for run in runs.list_runs(settings)] == [restored.id] == [ended.id]
    after = {path.name: path.read_bytes() for path in restored.path.iterdir() if path.is_file()}
    assert {name: after[name] for name in before} == before
    assert not runs.restorable(ended.id, settings)


def test_annotating_a_discarded_run_does_not_prevent_its_restoration(settings, ended):
    runs.discard(ended, settings)
    ended.annotate(lambda annotations: annotations.named("Too late"))
    assert not ended.path.exists()
    assert runs.restore(ended.id, settings).annotations().name == ""


def test_discarded_runs_are_removed_after_a_while(settings, shapes_dataset):
    discarded, kept_run = (
        runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
        for _ in range(2)
    )
    for run in (discarded, kept_run):
        _set_age(run.path, 3 * store.TRASH_MINUTES)
    runs.discard(discarded, settings)
    runs.sweep(settings)
    assert runs.restorable(discarded.id, settings), "it was old before it was discarded"
    _set_age(runs.folder(settings) / f"{store.TRASH}{discarded.id}", store.TRASH_MINUTES + 1)
    runs.sweep(settings)
    assert not runs.restorable(discarded.id, settings)
    assert [run.id for run in runs.list_runs(settings)] == [kept_run.id]
    with pytest.raises(UnknownModel, match="removed for good"):
        runs.restore(discarded.id, settings)


def test_discarding_a_run_removes_older_discarded_ones(settings, ended, shapes_dataset):
    runs.discard(ended, settings)
    _set_age(runs.folder(settings) / f"{store.TRASH}{ended.id}", store.TRASH_MINUTES + 1)
    second = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    runs.discard(second, settings)
    assert runs.restorable(second.id, settings)
    assert not runs.restorable(ended.id, settings)


def test_a_queued_run_is_not_discarded(settings, queued):
    with pytest.raises(BadInput, match="Cancel it first"):
        runs.discard(queued, settings)
    assert queued.path.is_dir()


def test_a_locked_run_is_not_discarded(settings, ended, monkeypatch):
    monkeypatch.setattr(store, "EXPORT_SECONDS", 0.1)
    with ended.job.lock().acquire(), pytest.raises(BadInput, match="Cancel it first"):
        runs.discard(ended, settings)
    assert ended.path.is_dir()


def test_a_run_without_a_job_can_be_discarded(settings, shapes_dataset):
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    runs.discard(run, settings)
    runs.discard(run, settings)  # another tab was faster
    assert runs.list_runs(settings) == ()


@pytest.mark.parametrize("name", ["", "..", "../../etc", "0" * 32, "{id}/x"])
def test_nothing_but_a_discarded_run_is_restored(settings, ended, name):
    runs.discard(ended, settings)
    with pytest.raises(UnknownModel):
        runs.restore(name.format(id=ended.id), settings)


def test_the_sample_is_found_on_every_machine_and_cannot_be_discarded(settings):
    sample = runs.get(settings, runs.SAMPLE.name)
    assert sample.path == runs.SAMPLE
    assert runs.list_runs(settings) == ()
    with pytest.raises(BadInput, match="comes with Tusker"):
        runs.discard(sample, settings)
    assert sample.path.is_dir()
