"""One run's folder: what is in it, and how it says that it is not what it should be."""

import shutil

import numpy as np
import pytest

from core import runs
from core.errors import RunDamaged
from core.jobs import State
from core.jobs.events import Epoch, Kept, Note
from core.jobs.folder import Order
from core.runs.run import Run
from tests.core.trainings import asked_for

MODEL = ("model/model.json", "model/weights.safetensors")
SERVING = "model/serving.tflite"


def flip(path):
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("preset", "name"),
    [(preset, name) for preset in ("quick", "balanced") for name in MODEL]
    + [("balanced", SERVING)],
)
def test_a_changed_file_of_the_model_is_damage(trained, preset, name):
    done = trained(preset)
    done.run.classifier(done.settings)
    flip(done.run.path / name)
    with pytest.raises(RunDamaged, match=f"^{name} of this run is not the file that the training"):
        done.run.classifier(done.settings)


@pytest.mark.parametrize("name", [*MODEL, SERVING])
def test_a_missing_file_of_the_model_is_damage(trained, name):
    done = trained("balanced")
    (done.run.path / name).unlink()
    with pytest.raises(RunDamaged, match=f"^{name} of this run is not the file"):
        done.run.classifier(done.settings)


@pytest.mark.parametrize("name", ["classifier.keras", "classifier.tflite"])
@pytest.mark.parametrize("preset", ["quick", "balanced"])
def test_an_export_is_not_needed_to_answer(trained, preset, name):
    done = trained(preset)
    flip(done.run.model_folder / name)
    assert done.run.classifier(done.settings).labels == done.run.dataset().classes


def test_a_changed_report_is_damage_even_where_it_can_be_read(trained):
    run = trained().run
    path = run.path / "report.json"
    honest = path.read_text()
    flattered = honest.replace('"pictures":6', '"pictures":9')
    assert flattered != honest
    path.write_text(flattered)
    with pytest.raises(RunDamaged, match=r"report\.json of this run is not the file"):
        run.report()
    path.write_text(honest)
    assert run.report().pictures == 6


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"version": 1}', b"\xff\xfe"])
def test_files_that_cannot_be_read_are_damage(trained, content):
    run = trained().run
    for name in ("config.json", "dataset.json", "report.json", "probabilities.npy"):
        (run.path / name).write_bytes(content)
    for read in (run.dataset, run.report, run.probabilities):
        with pytest.raises(RunDamaged, match=r" of this run "):
            read()
    (run.path / "manifest.json").write_bytes(content)
    for read in (run.report, run.manifest):
        with pytest.raises(RunDamaged):
            read()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"seed": -1}'])
def test_settings_that_cannot_be_read_are_damage(trained, content):
    run = trained().run
    (run.path / "config.json").write_bytes(content)
    with pytest.raises(RunDamaged, match=r"config\.json of this run"):
        run.config()


def test_a_run_without_a_manifest_is_unfinished(trained):
    done = trained()
    (done.run.path / "manifest.json").unlink()
    assert not done.run.complete
    with pytest.raises(RunDamaged, match="not complete"):
        done.run.classifier(done.settings)


def test_files_that_are_gone_are_damage(settings, some_shapes):
    run = runs.create(asked_for("quick"), some_shapes.dataset, runs.new_path(settings))
    for read in (run.report, run.probabilities, run.manifest):
        with pytest.raises(RunDamaged):
            read()
    assert run.label_issues() == ()
    assert run.learning_curve() is None


def test_probabilities_and_report_are_read_as_written(trained):
    run = trained().run
    report, probabilities = run.report(), run.probabilities()
    run.write_report(report, probabilities.astype(np.float64))
    assert run.probabilities().dtype == np.float32
    np.testing.assert_array_equal(run.probabilities(), probabilities)
    run.complete_with("again", 1, 2)
    assert run.report() == report


def test_a_learning_curve_is_read_as_written_and_a_damaged_one_is_none(trained):
    run = trained().run
    curve = run.learning_curve()
    run.write_learning_curve(curve)
    assert run.learning_curve() == curve
    (run.path / "learning_curve.json").write_text("{")
    assert run.learning_curve() is None


def test_what_belongs_to_the_job_is_not_in_the_manifest(trained):
    run = trained().run
    run.job.open(Order(kind="train", arguments={}))
    run.job.events.append(Note(sentence="It begins."))
    run.job.log_path.write_text("hm")
    (run.path / ".half-made").mkdir()
    (run.path / ".half-made" / "serving.tflite").write_bytes(b"big")
    before = run.manifest().files
    run.complete_with("again", 1, 2)
    assert run.manifest().files == before


def test_pictures_are_known_until_the_job_has_ended(settings, some_shapes):
    run = runs.create(asked_for("quick"), some_shapes.dataset, runs.new_path(settings))
    assert run.pictures is None
    run.job.open(Order(kind="train", arguments={"pictures": str(some_shapes.pictures)}))
    assert run.pictures == some_shapes.pictures
    run.job.end(State.CANCELLED)
    assert run.pictures is None


def test_epochs_and_what_was_kept_are_found_among_the_events(trained):
    done = trained("balanced")
    for event in done.said:
        done.run.job.events.append(event)
    phases = [epoch.phase for epoch in done.run.epochs()]
    assert set(phases) == {"head", "fine-tune"}
    assert [kept.phase for kept in done.run.kept()] == ["head", "fine-tune"]
    assert done.run.epochs() == tuple(e for e in done.said if isinstance(e, Epoch))
    assert done.run.kept() == tuple(e for e in done.said if isinstance(e, Kept))


def test_every_test_picture_has_a_thumbnail_and_nothing_else_has(trained):
    run = trained().run
    count = run.report().pictures
    assert all(run.thumbnail(place).read_bytes()[:2] == b"\xff\xd8" for place in range(count))
    assert not run.thumbnail(count).exists()


def test_a_run_can_be_moved_and_is_called_by_its_folder(trained, tmp_path):
    done = trained()
    moved = done.run.path.rename(tmp_path / "elsewhere")
    assert Run(moved).id == "elsewhere"
    assert Run(moved).classifier(done.settings).title == "shapes"


def test_a_model_that_was_swapped_is_found_out_by_its_hash(trained):
    mine, other = trained("quick"), trained("balanced")
    for name in MODEL:
        shutil.copy(other.run.path / name, mine.run.path / name)
    with pytest.raises(RunDamaged, match="is not the file that the training wrote"):
        mine.run.classifier(mine.settings)
