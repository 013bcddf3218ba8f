"""A run in one line: right in every state, and not read again while it stays as it is."""

import pytest

from core import runs
from core.jobs import State
from core.jobs.folder import JobSpec
from core.runs.run import Run


@pytest.fixture
def finished(trained_run):
    """A finished run."""
    trained = trained_run()
    trained.run.job.open(JobSpec(kind="train", arguments={}))
    trained.run.job.end(State.FINISHED)
    return trained


def test_an_unfinished_run_is_summarised(settings, queued):
    line = runs.summarise(queued, settings)
    assert (line.id, line.name, line.state) == (queued.id, "shapes", State.QUEUED)
    assert not line.complete
    assert line.at == queued.job.recorded().queued_at
    assert (line.pictures, len(line.classes), line.backbone) == (42, 3, "tiny")
    assert line.accuracy is None


def test_a_finished_run_is_summarised_with_its_accuracy(finished):
    line = runs.summarise(finished.run, finished.settings)
    assert line.accuracy == finished.run.report().accuracy
    assert line.complete
    assert line.state is State.FINISHED
    size = sum(path.stat().st_size for path in finished.run.path.rglob("*") if path.is_file())
    assert line.megabytes == pytest.approx(size / 2**20)


@pytest.mark.parametrize(
    "name", ["status.json", "config.json", "dataset.json", "report.json", "manifest.json"]
)
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_damaged_run_is_summarised_too(finished, name, content):
    path = finished.run.path / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    line = runs.summarise(finished.run, finished.settings)
    assert line.id == finished.run.id
    assert line.name in ("shapes", "Damaged run")
    if (name, content) in {("manifest.json", None), ("config.json", b"{}")}:
        return  # unfinished; all defaults
    assert line.state is State.FAILED
    # How the job ended is one thing, what it left behind another.
    assert line.damaged == (line.accuracy is None) == (name != "status.json")


def test_a_summary_has_the_annotations_of_the_owner(finished):
    before = runs.summarise(finished.run, finished.settings)
    assert (before.name, before.data, before.tags) == ("shapes", "shapes", ())
    finished.run.annotate(lambda annotations: annotations.named("Mine").tagged(("keep",)))
    after = runs.summarise(finished.run, finished.settings)
    assert (after.name, after.data, after.tags) == ("Mine", "shapes", ("keep",))
    assert after.accuracy == before.accuracy


def test_a_damaged_run_keeps_the_name_that_its_owner_gave_it(finished):
    finished.run.annotate(lambda annotations: annotations.named("Mine"))
    (finished.run.path / "dataset.json").write_bytes(b"{")
    line = runs.summarise(finished.run, finished.settings)
    assert line.damaged
    assert line.name == "Mine"
    assert line.at > 0


def test_a_file_of_another_training_is_damage_even_if_it_can_be_read(finished, trained_run):
    report = finished.run.path / "report.json"
    report.write_bytes(report.read_bytes() + b" ")
    assert runs.summarise(finished.run, finished.settings).damaged


def test_a_summary_follows_every_change(finished, settings):
    assert runs.summarise(finished.run, finished.settings).complete
    (finished.run.path / "manifest.json").unlink()
    assert not runs.summarise(finished.run, finished.settings).complete
    finished.run.job.end(State.CANCELLED, "Cancelled.")
    assert runs.summarise(finished.run, finished.settings).state is State.CANCELLED


def test_an_unchanged_run_is_not_read_again(finished, monkeypatch):
    first = runs.summarise(finished.run, finished.settings)
    monkeypatch.setattr(Run, "config", lambda _: pytest.fail("read again"))
    assert runs.summarise(Run(finished.run.path), finished.settings) == first
