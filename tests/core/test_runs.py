"""All runs of a machine: making, finding, listing and deleting them."""

import re

import pytest

from core import runs
from core.errors import BadInput, UnknownModel
from core.jobs import State
from core.jobs.folder import Order
from tests.core.trainings import asked_for


@pytest.fixture
def queued(settings, some_shapes):
    """A run that waits for a worker."""
    run = runs.create(asked_for("quick"), some_shapes.dataset, runs.new_path(settings))
    run.job.open(Order(kind="train", arguments={"pictures": str(some_shapes.pictures)}))
    return run


def test_a_new_run_has_a_name_that_nobody_guesses(settings):
    paths = {runs.new_path(settings) for _ in range(50)}
    assert len(paths) == 50
    for path in paths:
        assert path.parent == settings.home.resolve() / "runs"
        assert re.fullmatch("[0-9a-f]{32}", path.name)


def test_a_new_run_keeps_its_settings_and_its_data(queued, some_shapes):
    assert queued.config() == asked_for("quick")
    assert queued.dataset() == some_shapes.dataset
    assert not queued.complete


def test_a_run_is_found_by_its_id(settings, queued):
    assert runs.get(settings, queued.id).path == queued.path


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
def test_anything_else_is_no_run(settings, queued, name):
    asked = name.format(id=queued.id, upper=queued.id.upper() + "A")
    with pytest.raises(UnknownModel, match="No run with this id"):
        runs.get(settings, asked)


def test_a_folder_is_a_run_if_it_holds_settings(queued, tmp_path):
    assert runs.at(queued.path).id == queued.id
    for other in (tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match=r"holds no config\.json"):
            runs.at(other)


def test_every_run_is_listed_and_nothing_else(settings, queued, some_shapes):
    other = runs.create(asked_for("quick"), some_shapes.dataset, runs.new_path(settings))
    (runs.folder(settings) / ("e" * 32)).mkdir()
    runs.create(asked_for("quick"), some_shapes.dataset, runs.folder(settings) / "by hand")
    assert {run.id for run in runs.every(settings)} == {queued.id, other.id}


def test_on_a_new_machine_there_are_no_runs(settings):
    assert runs.every(settings) == ()


def test_an_unfinished_run_is_summed_up(settings, queued):
    line = runs.summarise(queued, settings)
    assert (line.id, line.name, line.state) == (queued.id, "shapes", State.QUEUED)
    assert not line.complete
    assert line.at == queued.job.recorded().queued_at
    assert (line.pictures, len(line.classes), line.backbone) == (42, 3, "tiny")
    assert line.accuracy is None


def test_a_finished_run_is_summed_up_with_its_accuracy(trained):
    done = trained()
    done.run.job.open(Order(kind="train", arguments={}))
    done.run.job.end(State.DONE)
    line = runs.summarise(done.run, done.settings)
    accuracy = done.run.report().accuracy
    assert (line.accuracy, line.low, line.high) == (accuracy.value, accuracy.low, accuracy.high)
    assert line.complete
    assert line.state is State.DONE
    size = sum(path.stat().st_size for path in done.run.path.rglob("*") if path.is_file())
    assert line.megabytes == pytest.approx(size / 2**20)


@pytest.mark.parametrize(
    "name", ["status.json", "config.json", "dataset.json", "report.json", "manifest.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_damaged_run_is_summed_up_too(trained, name, content):
    done = trained()
    done.run.job.open(Order(kind="train", arguments={}))
    done.run.job.end(State.DONE)
    path = done.run.path / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    line = runs.summarise(done.run, done.settings)
    assert line.id == done.run.id
    assert line.name in ("shapes", "Damaged run")
    if (name, content) in {("manifest.json", None), ("config.json", b"{}")}:
        return  # unfinished; all defaults
    assert line.state is State.FAILED
    # How the job ended is one thing, what it left behind another.
    assert line.damaged == (line.accuracy is None) == (name != "status.json")


def test_a_deleted_run_is_gone_and_the_others_stay(settings, queued, some_shapes):
    other = runs.create(asked_for("quick"), some_shapes.dataset, runs.new_path(settings))
    runs.delete(queued)
    assert not queued.path.exists()
    assert [run.id for run in runs.every(settings)] == [other.id]
    runs.delete(queued)
