"""Formats are made one by one, and none stays that is not what it should be."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled
from core.export import build, keras_file, onnx_file, verify
from core.export.formats import FORMATS, INT8, ONNX, SAVED_MODEL, named
from core.jobs.events import Note, Step
from core.model import storage
from core.settings import Settings
from core.system import capacity, files
from tests.shapes import draw, encoded

ROOT = Path(__file__).parents[3]

ALL = {form.file for form in FORMATS}


def export(done, *names, said=lambda _: None):
    """Make formats again; all of them for no name."""
    return build.export(done.run, named(names), done.pictures, done.settings, said)


def there(run):
    return {path.name for path in run.model_folder.iterdir()} & ALL


def test_labels_outside_ascii_are_written_as_they_are(trained_run):
    done = trained_run()
    saved, arrays = storage.load(done.run.model_folder)
    classes = ("ćma", "蜂", saved.classes[2])
    storage.save(done.run.model_folder, saved.model_copy(update={"classes": classes}), arrays)
    found = export(done, "litert", "onnx")
    assert all(result.passed for result in found.results)
    written = (done.run.model_folder / "labels.txt").read_text(encoding="utf-8")
    assert written == "".join(f"{name}\n" for name in classes)


def test_files_that_answer_otherwise_than_the_report_are_withheld_with_the_reason(trained_run):
    done = trained_run()
    saved, arrays = storage.load(done.run.model_folder)
    wrong = arrays | {"head.0.bias": arrays["head.0.bias"] + np.float32([0, 50, 0])}
    storage.save(done.run.model_folder, saved, wrong)
    said = []
    found = export(done, "litert", "int8", "onnx", said=said.append)
    assert there(done.run) == {storage.KERAS, SAVED_MODEL}, "the old ones went too"
    assert not list(done.run.model_folder.glob(".*"))
    for one in found.results:
        if one.file in (storage.KERAS, SAVED_MODEL):
            assert one.passed, "these were not made again"
            continue
        assert not one.passed
        if one.file == INT8:
            assert "held-out pictures right, the report " in one.reason
        else:
            assert one.reason.startswith(f"{one.file} differs from the report by ")
    notes = [event.sentence for event in said if isinstance(event, Note)]
    assert {one.reason for one in found.results if not one.passed} <= set(notes)
    assert done.run.verification() == found


def test_a_format_that_fails_does_not_affect_the_others(trained_run, monkeypatch):
    done = trained_run()

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(onnx_file, "write", lambda _, path, *__: path.write_bytes(b"half"))
    monkeypatch.setattr(keras_file, "write", fail)
    found = export(done, "litert", "onnx", "keras")
    assert found.of(storage.LITERT).passed
    assert "could not be opened in a fresh process" in found.of(ONNX).reason
    assert "could not be made" in found.of(storage.KERAS).reason
    assert there(done.run) == ALL - {ONNX, storage.KERAS}


def test_a_format_is_skipped_with_a_sentence_where_memory_is_short(trained_run, monkeypatch):
    done = trained_run()
    monkeypatch.setattr(capacity, "free_memory", lambda: 300 * 2**20)
    found = export(done, "litert", "saved-model")
    assert found.of(storage.LITERT).passed
    assert "Expected about 641 MB of free memory, found 300 MB" in found.of(SAVED_MODEL).reason


def test_cancelling_ends_the_verifying_process_and_leaves_nothing_half_made(trained_run):
    done = trained_run()

    def stop(event):
        if isinstance(event, Step):
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        export(done, "litert", said=stop)
    assert there(done.run) == ALL - {storage.LITERT}
    assert not list(done.run.model_folder.glob(".*"))


def test_held_out_pictures_are_test_pictures_with_what_the_report_says_of_them(
    trained_run, monkeypatch
):
    done = trained_run()
    monkeypatch.setattr(build, "VERIFICATION_PICTURES", 4)
    known = build.held_out(done.run, done.pictures, done.settings)
    tests = done.run.dataset().of("test")
    assert len(known.paths) == 4
    for path, label, said in zip(known.paths, known.labels, known.probabilities, strict=True):
        place = [done.pictures / example.path for example in tests].index(path)
        assert tests[place].label == label
        np.testing.assert_array_equal(said, done.run.probabilities()[place])


def test_pictures_that_take_more_than_pillow_are_verified_on_their_pixels(trained_run, tmp_path):
    done = trained_run()
    known = build.held_out(done.run, done.pictures, done.settings)
    strange = tmp_path / "strange.heic"
    strange.write_bytes(b"not for Pillow")
    mixed = verify.HeldOut(
        (strange, *known.paths[1:]), known.labels, known.probabilities, Settings()
    )
    saved, _ = storage.load(done.run.model_folder)
    form = FORMATS[0]
    counted = []
    made = {form: done.run.model_folder / form.file}

    def count(*step):
        counted.append(step)

    (found,) = verify.verify(made, saved, mixed, count)
    assert found.passed
    assert counted[-1] == ("Verifying classifier.tflite", 6, 6)
    # A PNG whose end is missing: the app reads it, Pillow alone does not.
    (tmp_path / "cut.png").write_bytes(encoded(draw(0, 0, size=96), "PNG")[:-40])
    classifier = done.run.classifier(done.settings)
    said = classifier.answer(classifier.load(tmp_path / "cut.png")).probabilities[None]
    for count_whole in (0, 3):
        part = verify.HeldOut(
            (tmp_path / "cut.png", *known.paths[:count_whole]),
            np.concatenate([[said.argmax()], known.labels[:count_whole]]),
            np.concatenate([said, known.probabilities[:count_whole]]),
            Settings(),
        )
        (found,) = verify.verify(made, saved, part, count)
        assert found.passed
        assert found.unopened == ("PNG",)
        assert found.difference <= verify.TOLERANCE
        assert "PNG" in found.reservation
    only = verify.HeldOut((strange,), known.labels[:1], known.probabilities[:1], Settings())
    (found,) = verify.verify(made, saved, only, count)
    assert "could not be verified" in found.reason


def test_without_the_pictures_the_small_copies_of_the_run_are_used(trained_run):
    done = trained_run()
    before = done.run.verification()
    build.export(done.run, named(["litert", "int8"]), None, done.settings, lambda _: None)
    made = [done.run.verification().of(name) for name in (storage.LITERT, INT8)]
    assert all(result.passed and result.thumbnails for result in made)
    assert made[0].difference <= 1e-3
    after = done.run.verification()
    assert [result.file for result in after.results] == [form.file for form in FORMATS]
    assert (after.of(ONNX), after.accuracy) == (before.of(ONNX), before.accuracy), "they stay"
    known = build.held_out(done.run, None, done.settings)
    assert known.paths == tuple(done.run.thumbnail(place) for place in range(6))


def test_files_that_the_same_library_opens_share_a_process(trained_run):
    steps = dict.fromkeys(event.what for event in trained_run().events if isinstance(event, Step))
    assert list(steps) == [
        "Verifying classifier.tflite and classifier-int8.tflite",
        "Verifying classifier.onnx",
        "Verifying classifier.keras and saved_model",
    ]


BLOCKED = """
import sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Blocked())
from core import backbones, settings
from core.export import build, formats, keras_file, parts
from core.model import storage
from core.runs import Run

forms = formats.named(["litert", "int8", "onnx"])
run, pictures = Run(Path(sys.argv[1])), Path(sys.argv[2])
found = build.export(run, forms, pictures, settings.load(), lambda _: None)
print([result.reason for result in found.results if not result.passed])
# A process that verified this file would need TensorFlow.
base = parts.backbone_file(backbones.get("tiny"), settings.load())
keras_file.write(base, *storage.load(run.model_folder), run.model_folder / storage.KERAS)
"""


def test_from_the_second_run_of_a_backbone_on_only_a_saved_model_takes_tensorflow(trained_run):
    done = trained_run()
    for form in FORMATS:
        files.remove(done.run.model_folder / form.file)
    told = subprocess.run(
        [sys.executable, "-c", BLOCKED, done.run.path, done.pictures],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TUSKER_HOME": str(done.settings.home)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert told.stdout.strip() == "[]", told.stderr
    assert there(done.run) == ALL - {SAVED_MODEL}


@pytest.mark.parametrize("form", [FORMATS[0], named(["onnx"])[0]])
def test_a_file_whose_program_gives_another_verdict_than_the_model_is_withheld(trained_run, form):
    done = trained_run()
    known = build.held_out(done.run, done.pictures, done.settings)
    assert known.decision.threshold > 0, "so that some pictures are not sure"
    assert known.decision.set_level is not None
    saved, _ = storage.load(done.run.model_folder)
    made = {form: done.run.model_folder / form.file}
    (found,) = verify.verify(made, saved, known, lambda *_: None)
    assert (found.passed, found.verdicts) == (True, 1.0)
    unlike = replace(known, ood_scores=np.full(len(known.labels), 2.0))
    (found,) = verify.verify(made, saved, unlike, lambda *_: None)
    assert not found.passed
    assert f"verdict or prediction set than the model for {len(known.labels)} of" in found.reason
