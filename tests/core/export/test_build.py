"""Formats are made one by one, and none stays that is not what it should be."""

import importlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled
from core.export import build, convert, keras_file, onnx_file, parts, programs, verify
from core.export.formats import FORMATS, INT8, ONNX, SAVED_MODEL, named
from core.jobs.events import Note, Step
from core.model import storage
from core.system import capacity, files
from tests.shapes import draw, encoded

ROOT = Path(__file__).parents[3]

ALL = {form.file for form in FORMATS}


def export(trained, *names, emit=lambda _: None):
    """Make formats again; all of them for no name."""
    return build.export(trained.run, named(names), trained.pictures, trained.settings, emit)


def exported_files(run):
    return {path.name for path in run.model_folder.iterdir()} & ALL


def test_labels_outside_ascii_are_written_in_utf_8(trained_run):
    trained = trained_run()
    saved, arrays = storage.load(trained.run.model_folder)
    classes = ("ćma", "蜂", saved.classes[2])
    storage.save(trained.run.model_folder, saved.model_copy(update={"classes": classes}), arrays)
    verification = export(trained, "litert", "onnx")
    assert all(result.passed for result in verification.results)
    written = (trained.run.model_folder / "labels.txt").read_text(encoding="utf-8")
    assert written == "".join(f"{name}\n" for name in classes)


def test_files_that_disagree_with_the_report_are_withheld_with_the_reason(trained_run):
    trained = trained_run()
    saved, arrays = storage.load(trained.run.model_folder)
    wrong = arrays | {"head.0.bias": arrays["head.0.bias"] + np.float32([0, 50, 0])}
    storage.save(trained.run.model_folder, saved, wrong)
    events = []
    verification = export(trained, "litert", "int8", "onnx", emit=events.append)
    assert exported_files(trained.run) == {storage.KERAS, SAVED_MODEL}, "the old ones went too"
    assert not list(trained.run.model_folder.glob(".*"))
    for result in verification.results:
        if result.file in (storage.KERAS, SAVED_MODEL):
            assert result.passed, "these were not made again"
            continue
        assert not result.passed
        if result.file == INT8:
            assert "held-out pictures right, the report " in result.reason
        else:
            assert result.reason.startswith(f"{result.file} differs from the report by ")
    notes = [event.sentence for event in events if isinstance(event, Note)]
    assert {result.reason for result in verification.results if not result.passed} <= set(notes)
    assert trained.run.verification() == verification


def test_a_format_that_fails_does_not_affect_the_others(trained_run, monkeypatch):
    trained = trained_run()

    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(onnx_file, "write", lambda _, path, *__: path.write_bytes(b"half"))
    monkeypatch.setattr(keras_file, "write", fail)
    verification = export(trained, "litert", "onnx", "keras")
    assert verification.of(storage.LITERT).passed
    assert "could not be opened in a fresh process" in verification.of(ONNX).reason
    assert "could not be made" in verification.of(storage.KERAS).reason
    assert exported_files(trained.run) == ALL - {ONNX, storage.KERAS}


def test_a_format_is_skipped_with_a_sentence_where_memory_is_short(trained_run, monkeypatch):
    trained = trained_run()
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(capacity, "free_memory", lambda: 300 * 2**20)
    verification = export(trained, "litert", "saved-model")
    assert verification.of(storage.LITERT).passed
    reason = verification.of(SAVED_MODEL).reason
    assert "Expected about 1.3 GB of free memory, found 300 MB" in reason


def test_memory_for_tensorflow_is_not_asked_for_again_once_it_runs(trained_run, monkeypatch):
    trained = trained_run()
    monkeypatch.setattr(capacity, "free_memory", lambda: 540 * 2**20)
    (path,) = (trained.settings.home / "backbones" / "tiny").glob("*-int8.npz")
    path.unlink()
    importlib.import_module("tensorflow")
    assert export(trained, "int8").of(INT8).passed


@pytest.mark.parametrize(
    ("form", "part", "needed"), [("int8", "*-int8.npz", 640), ("keras", "*-backbone.keras", 1280)]
)
def test_a_part_that_is_made_first_takes_tensorflow_and_its_memory(
    trained_run, monkeypatch, form, part, needed
):
    trained = trained_run()
    free = (needed - 100) * 2**20
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(capacity, "free_memory", lambda: free)
    (file,) = (row.file for row in named([form]))
    assert export(trained, form).of(file).passed
    (path,) = (trained.settings.home / "backbones" / "tiny").glob(part)
    path.unlink()
    result = export(trained, form).of(file)
    assert not result.passed and "of free memory" in result.reason
    assert not path.is_file()


@pytest.mark.parametrize("fault", ["unsuitable", "damaged"])
def test_a_kept_int8_network_that_fails_is_made_again_from_the_pictures(trained_run, fault):
    trained = trained_run()
    (path,) = (trained.settings.home / "backbones" / "tiny").glob("*-int8.npz")
    trunk = parts.load_int8(path)
    parts.save_int8(path, trunk._replace(scale=0 * trunk.scale))
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:-100])
    events = []
    assert export(trained, "litert", "int8", emit=events.append).of(INT8).passed
    assert parts.load_int8(path).scale.any()
    notes = [event.sentence for event in events if isinstance(event, Note)]
    written = [storage.LITERT, INT8, *([INT8] if fault == "unsuitable" else [])]
    assert notes == [f"Writing {name}." for name in written]


def test_an_int8_network_that_does_not_suit_its_own_pictures_is_not_kept(trained_run, monkeypatch):
    trained = trained_run()
    (path,) = (trained.settings.home / "backbones" / "tiny").glob("*-int8.npz")
    trunk = parts.load_int8(path)
    unsuitable, made = trunk._replace(scale=0 * trunk.scale), []
    parts.save_int8(path, unsuitable)
    monkeypatch.setattr(convert, "to_int8", lambda *_: made.append(1) or unsuitable)
    result = export(trained, "int8").of(INT8)
    assert not result.passed and "held-out pictures right, the report " in result.reason
    assert made == [1] and not path.exists()
    assert INT8 not in exported_files(trained.run)


def test_an_int8_file_that_could_not_be_run_is_not_made_again(trained_run, monkeypatch):
    trained = trained_run()
    monkeypatch.setattr(programs, "RUNNER", Path("missing.py"))
    events = []
    result = export(trained, "int8", emit=events.append).of(INT8)
    assert "could not be opened in a fresh process" in result.reason
    notes = [event.sentence for event in events if isinstance(event, Note)]
    assert notes == [f"Writing {INT8}.", result.reason]
    assert list((trained.settings.home / "backbones" / "tiny").glob("*-int8.npz"))


def test_cancelling_ends_the_verification_and_leaves_no_files(trained_run):
    trained = trained_run()

    def stop(event):
        if isinstance(event, Step):
            raise Cancelled("Enough.")

    with pytest.raises(Cancelled):
        export(trained, "litert", emit=stop)
    assert exported_files(trained.run) == ALL - {storage.LITERT}
    assert not list(trained.run.model_folder.glob(".*"))


def test_held_out_pictures_are_test_pictures_with_the_probabilities_of_the_report(
    trained_run, monkeypatch
):
    trained = trained_run()
    monkeypatch.setattr(build, "VERIFICATION_PICTURES", 4)
    held_out = build.held_out(trained.run, trained.pictures, trained.settings)
    tests = trained.run.dataset().of("test")
    assert len(held_out.paths) == 4
    for path, label, probabilities in zip(
        held_out.paths, held_out.labels, held_out.probabilities, strict=True
    ):
        index = [trained.pictures / example.path for example in tests].index(path)
        assert tests[index].label == label
        np.testing.assert_array_equal(probabilities, trained.run.probabilities()[index])


def test_pictures_that_the_program_cannot_open_are_left_out_and_named(trained_run, tmp_path):
    trained = trained_run()
    whole = build.held_out(trained.run, trained.pictures, trained.settings)
    # A PNG whose end is missing: the app reads it, Pillow alone does not.
    (tmp_path / "cut.png").write_bytes(encoded(draw(0, 0, size=96), "PNG")[:-40])
    saved, _ = storage.load(trained.run.model_folder)
    paths, counted = {FORMATS[0]: trained.run.model_folder / FORMATS[0].file}, []
    some = replace(whole, paths=(tmp_path / "cut.png", *whole.paths[1:]))
    (result,) = verify.verify(paths, saved, some, lambda *step: counted.append(step))
    assert result.passed and result.unopened == (whole.formats[0],)
    assert result.pictures == len(some.paths) - 1
    assert f"5 test pictures; its program cannot open the others ({whole.formats[0]})" in (
        result.caveat
    )
    assert counted[-1] == ("Verifying classifier.tflite", 6, 6)
    (result,) = verify.verify(paths, saved, whole, lambda *_: None)
    assert result.passed and not result.caveat
    none = replace(whole, paths=(tmp_path / "cut.png",) * 6)
    (result,) = verify.verify(paths, saved, none, lambda *_: None)
    assert not result.passed and "could not be verified" in result.reason


def test_without_the_pictures_the_thumbnails_of_the_run_are_used(trained_run):
    trained = trained_run()
    before = trained.run.verification()
    build.export(trained.run, named(["litert", "int8"]), None, trained.settings, lambda _: None)
    results = [trained.run.verification().of(name) for name in (storage.LITERT, INT8)]
    assert all(result.passed and "small copies of 6" in result.caveat for result in results)
    assert results[0].difference <= 1e-3
    after = trained.run.verification()
    assert [result.file for result in after.results] == [form.file for form in FORMATS]
    assert (after.of(ONNX), after.accuracy) == (before.of(ONNX), before.accuracy), "they stay"
    held_out = build.held_out(trained.run, None, trained.settings)
    assert held_out.paths == tuple(trained.run.thumbnail(index) for index in range(6))


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


def test_once_a_backbone_is_prepared_only_a_saved_model_needs_tensorflow(trained_run):
    trained = trained_run()
    for form in FORMATS:
        files.remove(trained.run.model_folder / form.file)
    process = subprocess.run(
        [sys.executable, "-c", BLOCKED, trained.run.path, trained.pictures],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TUSKER_HOME": str(trained.settings.home)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert process.stdout.strip() == "[]", process.stderr
    assert exported_files(trained.run) == ALL - {SAVED_MODEL}


@pytest.mark.parametrize("form", [FORMATS[0], named(["onnx"])[0]])
def test_a_file_whose_program_gives_another_verdict_than_the_model_is_withheld(trained_run, form):
    trained = trained_run()
    held_out = build.held_out(trained.run, trained.pictures, trained.settings)
    assert held_out.decision.threshold > 0, "so that some pictures are not sure"
    assert held_out.decision.set_level is not None
    saved, _ = storage.load(trained.run.model_folder)
    paths = {form: trained.run.model_folder / form.file}
    (result,) = verify.verify(paths, saved, held_out, lambda *_: None)
    assert (result.passed, result.verdicts) == (True, 1.0)
    unlike = replace(held_out, ood_scores=np.full(len(held_out.labels), 2.0))
    (result,) = verify.verify(paths, saved, unlike, lambda *_: None)
    assert not result.passed
    assert (
        f"verdict or prediction set than the model for {len(held_out.labels)} of" in result.reason
    )


@pytest.mark.parametrize("form", [FORMATS[0], named(["onnx"])[0]])
def test_a_file_whose_ood_score_is_lost_or_far_from_the_models_is_withheld(trained_run, form):
    trained = trained_run()
    held_out = build.held_out(trained.run, trained.pictures, trained.settings)
    scores = held_out.ood_scores
    assert scores is not None
    saved, _ = storage.load(trained.run.model_folder)
    paths = {form: trained.run.model_folder / form.file}
    far = np.where(scores > 1, 3 * scores, scores / 3)  # on the same side of 1
    without = replace(held_out, ood_detector=None, ood_scores=np.minimum(scores, 1))
    for wrong in (replace(held_out, ood_scores=far), without):
        (result,) = verify.verify(paths, saved, wrong, lambda *_: None)
        assert not result.passed
        assert f"prediction set than the model for {len(scores)} of" in result.reason
    near = replace(held_out, ood_scores=np.where(scores > 1, 1.2 * scores, scores / 1.2))
    assert verify.verify(paths, saved, near, lambda *_: None)[0].passed
    nowhere = replace(held_out, ood_detector=None, ood_scores=None)
    assert verify.verify(paths, saved, nowhere, lambda *_: None)[0].passed
