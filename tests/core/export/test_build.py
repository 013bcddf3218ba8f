"""Formats are made one by one, and none stays that is not what it should be."""

import numpy as np
import pytest

from core.errors import Cancelled
from core.export import build, convert, verify
from core.export.formats import FORMATS, INT8, ONNX, SAVED_MODEL
from core.jobs.events import Note, Step
from core.model import storage
from core.system import capacity

ALL = {form.file for form in FORMATS}


@pytest.fixture
def one_only(monkeypatch):
    """`one_only(ONNX)`: of the table, leave rows alone."""

    def leave(*names):
        monkeypatch.setattr(build, "FORMATS", [form for form in FORMATS if form.file in names])

    return leave


def there(run):
    return {path.name for path in run.model_folder.iterdir()} & ALL


def test_labels_outside_ascii_are_written_as_they_are(trained, one_only):
    done = trained()
    one_only(storage.LITERT, ONNX)
    saved, arrays = storage.load(done.run.model_folder)
    classes = ("ćma", "蜂", saved.classes[2])
    storage.save(done.run.model_folder, saved.model_copy(update={"classes": classes}), arrays)
    found = build.build_all(done.run, done.pictures, done.settings, lambda _: None)
    assert all(result.passed for result in found.results)
    written = (done.run.model_folder / "labels.txt").read_text(encoding="utf-8")
    assert written == "".join(f"{name}\n" for name in classes)


def test_files_that_answer_otherwise_than_the_report_are_withheld_with_the_reason(trained):
    done = trained()
    saved, arrays = storage.load(done.run.model_folder)
    wrong = arrays | {"head.0.bias": arrays["head.0.bias"] + np.float32([0, 50, 0])}
    storage.save(done.run.model_folder, saved, wrong)
    said = []
    found = build.build_all(done.run, done.pictures, done.settings, said.append)
    assert there(done.run) == set(), "the old ones went too"
    assert not list(done.run.model_folder.glob(".*"))
    for one in found.results:
        assert not one.passed
        if one.file == INT8:
            assert "held-out pictures right, the report 1" in one.reason
        else:
            assert one.reason.startswith(f"{one.file} differs from the report by ")
    notes = [event.sentence for event in said if isinstance(event, Note)]
    assert {one.reason for one in found.results} <= set(notes)
    assert done.run.verification() == found


def test_what_cannot_be_opened_elsewhere_is_withheld_and_the_others_stay(
    trained, one_only, monkeypatch
):
    done = trained()
    one_only(storage.LITERT, ONNX)
    monkeypatch.setattr(convert, "to_onnx", lambda _, path, __: path.write_bytes(b"half"))
    found = build.build_all(done.run, done.pictures, done.settings, lambda _: None)
    assert found.of(storage.LITERT).passed
    assert "could not be opened in a fresh process" in found.of(ONNX).reason
    assert not (done.run.model_folder / ONNX).exists()


def test_a_writer_that_fails_does_not_keep_the_others_from_being_made(
    trained, one_only, monkeypatch
):
    done = trained()
    one_only(SAVED_MODEL, ONNX)

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(convert, "to_onnx", fail)
    found = build.build_all(done.run, done.pictures, done.settings, lambda _: None)
    assert found.of(SAVED_MODEL).passed
    assert "could not be made" in found.of(ONNX).reason


def test_a_format_is_skipped_with_a_sentence_where_memory_is_short(trained, one_only, monkeypatch):
    done = trained()
    one_only(storage.LITERT, SAVED_MODEL)
    monkeypatch.setattr(capacity, "free_memory", lambda: 300 * 2**20)
    found = build.build_all(done.run, done.pictures, done.settings, lambda _: None)
    assert found.of(storage.LITERT).passed
    assert "Expected about 640 MB of free memory, found 300 MB" in found.of(SAVED_MODEL).reason


def test_cancelling_ends_the_verifying_process_and_leaves_nothing_half_made(trained, one_only):
    done = trained()
    one_only(storage.LITERT)

    def stop(event):
        if isinstance(event, Step):
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        build.build_all(done.run, done.pictures, done.settings, stop)
    assert there(done.run) == ALL - {storage.LITERT}
    assert not list(done.run.model_folder.glob(".*"))


def test_held_out_pictures_are_test_pictures_with_what_the_report_says_of_them(
    trained, monkeypatch
):
    done = trained()
    monkeypatch.setattr(build, "VERIFICATION_PICTURES", 4)
    known = build.held_out(done.run, done.pictures)
    tests = done.run.dataset().of("test")
    assert len(known.paths) == 4
    for path, label, said in zip(known.paths, known.labels, known.probabilities, strict=True):
        place = [done.pictures / example.path for example in tests].index(path)
        assert tests[place].label == label
        np.testing.assert_array_equal(said, done.run.probabilities()[place])


def test_pictures_that_take_more_than_pillow_are_left_out_of_the_verification(trained, tmp_path):
    done = trained()
    known = build.held_out(done.run, done.pictures)
    strange = tmp_path / "strange.heic"
    strange.write_bytes(b"not for Pillow")
    mixed = verify.HeldOut((strange, *known.paths[1:]), known.labels, known.probabilities)
    saved, _ = storage.load(done.run.model_folder)
    form = FORMATS[0]
    counted = []
    found = verify.verify(
        form,
        done.run.model_folder / form.file,
        saved,
        mixed,
        lambda what, number, total: counted.append((what, number, total)),
    )
    assert found.passed
    assert counted[-1] == ("Verifying classifier.tflite", 6, 6)
    only = verify.HeldOut((strange,), known.labels[:1], known.probabilities[:1])
    found = verify.verify(form, done.run.model_folder / form.file, saved, only, lambda *_: None)
    assert "could not be verified" in found.reason
