"""A run in one line: right in every state, and not read again while it stays as it is."""

import pytest

from core import runs
from core.jobs import State
from core.jobs.folder import JobSpec
from core.runs.run import Run
from tests.core.trainings import tiny_config


@pytest.fixture
def queued(settings, shapes_dataset):
    """A run that waits for a worker."""
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    run.job.open(JobSpec(kind="train", arguments={"pictures": str(shapes_dataset.pictures)}))
    return run


@pytest.fixture
def done(trained_run):
    """A finished run."""
    made = trained_run()
    made.run.job.open(JobSpec(kind="train", arguments={}))
    made.run.job.end(State.FINISHED)
    return made


def test_an_unfinished_run_is_summed_up(settings, queued):
    line = runs.summarise(queued, settings)
    assert (line.id, line.name, line.state) == (queued.id, "shapes", State.QUEUED)
    assert not line.complete
    assert line.at == queued.job.recorded().queued_at
    assert (line.pictures, len(line.classes), line.backbone) == (42, 3, "tiny")
    assert line.accuracy is None


def test_a_finished_run_is_summed_up_with_its_accuracy(done):
    line = runs.summarise(done.run, done.settings)
    assert line.accuracy == done.run.report().accuracy
    assert line.complete
    assert line.state is State.FINISHED
    size = sum(path.stat().st_size for path in done.run.path.rglob("*") if path.is_file())
    assert line.megabytes == pytest.approx(size / 2**20)


@pytest.mark.parametrize(
    "name", ["status.json", "config.json", "dataset.json", "report.json", "manifest.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_damaged_run_is_summed_up_too(done, name, content):
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


def test_the_owners_words_are_part_of_it_at_once(done):
    before = runs.summarise(done.run, done.settings)
    assert (before.name, before.data, before.tags) == ("shapes", "shapes", ())
    done.run.annotate(lambda said: said.named("Mine").tagged(("keep",)))
    after = runs.summarise(done.run, done.settings)
    assert (after.name, after.data, after.tags) == ("Mine", "shapes", ("keep",))
    assert after.accuracy == before.accuracy


def test_a_damaged_run_keeps_the_name_that_its_owner_gave_it(done):
    done.run.annotate(lambda said: said.named("Mine"))
    (done.run.path / "dataset.json").write_bytes(b"{")
    line = runs.summarise(done.run, done.settings)
    assert line.damaged
    assert line.name == "Mine"
    assert line.at > 0


def test_a_file_of_another_training_is_damage_even_if_it_can_be_read(done, trained_run):
    report = done.run.path / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    assert runs.summarise(done.run, done.settings).damaged


def test_a_change_of_any_kind_is_seen_at_once(done, settings):
    assert runs.summarise(done.run, done.settings).complete
    (done.run.path / "manifest.json").unlink()
    assert not runs.summarise(done.run, done.settings).complete
    done.run.job.end(State.CANCELLED, "Cancelled.")
    assert runs.summarise(done.run, done.settings).state is State.CANCELLED


def test_an_unchanged_run_is_not_read_again(done, monkeypatch):
    first = runs.summarise(done.run, done.settings)
    monkeypatch.setattr(Run, "config", lambda _: pytest.fail("read again"))
    assert runs.summarise(Run(done.run.path), done.settings) == first
