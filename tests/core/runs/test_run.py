"""One run's folder: what is in it, and how it says that it is not what it should be."""

from pathlib import Path

import numpy as np
import pytest

from core import runs
from core.errors import RunDamaged
from core.jobs.events import Epoch, Kept, Note
from core.jobs.folder import JobSpec
from core.runs.run import Run
from tests.core.trainings import tiny_config

MODEL = ("model/model.json", "model/weights.safetensors")
SERVING = "model/serving.tflite"


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", [*MODEL, SERVING])
def test_a_changed_or_missing_file_of_the_model_is_damage(trained_run, name):
    trained = trained_run("best")
    path = trained.run.path / name
    trained.run.classifier(trained.settings)
    for damage in (flip, Path.unlink):
        damage(path)
        with pytest.raises(RunDamaged, match=f"^{name} of this run is not the file"):
            trained.run.classifier(trained.settings)


def test_exports_are_not_needed_to_predict(trained_run):
    trained = trained_run("best")
    flip(trained.run.model_folder / "classifier.tflite")
    assert trained.run.classifier(trained.settings).labels == trained.run.dataset().classes


def test_a_changed_report_is_damage_even_if_it_can_be_parsed(trained_run):
    run = trained_run().run
    path = run.path / "report.json"
    honest = path.read_text()
    flattered = honest.replace('"pictures":6', '"pictures":9')
    assert flattered != honest
    path.write_text(flattered)
    with pytest.raises(RunDamaged, match=r"report\.json of this run is not the file"):
        run.report()
    path.write_text(honest)
    assert run.report().pictures == 6


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"seed": -1}', b"\xff\xfe"])
def test_files_that_cannot_be_read_are_damage(trained_run, content):
    run = trained_run().run
    for name in ("manifest.json", "config.json", "dataset.json", "report.json"):
        path = run.path / name
        path.unlink() if content is None else path.write_bytes(content)
    (run.path / "probabilities.npy").write_bytes(content or b"")
    (run.path / "learning_curve.json").write_bytes(content or b"")
    for read in (run.config, run.dataset, run.report, run.probabilities, run.manifest):
        with pytest.raises(RunDamaged):
            read()
    assert run.learning_curve() is None


def test_files_that_were_lost_are_named(trained_run):
    trained = trained_run()
    assert not trained.run.missing_results(trained.settings)
    trained.run.learning_curve.path.unlink()
    (sentence,) = trained.run.missing_results(trained.settings)
    assert sentence == "1 file is missing in its folder: learning_curve.json."


def test_a_run_without_a_manifest_is_unfinished(trained_run):
    trained = trained_run()
    (trained.run.path / "manifest.json").unlink()
    assert not trained.run.complete
    with pytest.raises(RunDamaged, match="unfinished"):
        trained.run.classifier(trained.settings)


def test_probabilities_and_report_are_read_as_written(trained_run):
    run = trained_run().run
    report, probabilities = run.report(), run.probabilities()
    run.write_report(report, probabilities.astype(np.float64))
    assert run.probabilities().dtype == np.float32
    np.testing.assert_array_equal(run.probabilities(), probabilities)
    run.complete_with("again", 1, 2)
    assert run.report() == report


def test_files_of_the_job_are_not_in_the_manifest(trained_run):
    run = trained_run().run
    run.job.open(JobSpec(kind="train", arguments={}))
    run.job.events.append(Note(sentence="It begins."))
    run.job.log_path.write_text("hm")
    (run.path / ".half-made").mkdir()
    (run.path / ".half-made" / "serving.tflite").write_bytes(b"big")
    before = run.manifest().files
    run.complete_with("again", 1, 2)
    assert run.manifest().files == before


def test_pictures_are_known_while_they_exist(settings, shapes_dataset, tmp_path):
    run = runs.create(tiny_config("quick"), shapes_dataset.dataset, runs.new_path(settings))
    assert run.pictures is None
    run.job.open(runs.training_spec(shapes_dataset.pictures))
    assert run.pictures == shapes_dataset.pictures
    run.job.open(runs.training_spec(tmp_path / "gone"))
    assert run.pictures is None


def test_epochs_and_kept_weights_are_read_from_the_events(trained_run):
    trained = trained_run("best")
    for event in trained.events:
        trained.run.job.events.append(event)
    phases = [epoch.phase for epoch in trained.run.epochs()]
    assert set(phases) == {"head", "fine-tune"}
    assert [event.phase for event in trained.run.kept()] == ["head", "fine-tune"]
    assert trained.run.epochs() == tuple(e for e in trained.events if isinstance(e, Epoch))
    assert trained.run.kept() == tuple(e for e in trained.events if isinstance(e, Kept))


def test_every_test_picture_has_a_thumbnail_and_nothing_else_has(trained_run):
    run = trained_run().run
    count = run.report().pictures
    assert all(run.thumbnail(index).read_bytes()[:2] == b"\xff\xd8" for index in range(count))
    assert not run.thumbnail(count).exists()


def test_the_id_of_a_moved_run_is_the_name_of_its_folder(trained_run, tmp_path):
    trained = trained_run()
    moved = trained.run.path.rename(tmp_path / "elsewhere")
    assert Run(moved).id == "elsewhere"
    assert Run(moved).classifier(trained.settings).title == "shapes"
