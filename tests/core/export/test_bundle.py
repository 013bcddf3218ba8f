"""The files to take away: made, proven, packed."""

import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import ExifTags, Image

from core import files, model
from core.errors import RunDamaged
from core.evaluation import Report
from core.export import bundle
from core.training.config import TrainingConfig
from tests.shapes import draw, encoded

PROMISED = {
    "classifier.keras",
    "classifier.tflite",
    "predict.py",
    "train.py",
    "split.json",
    "backbone.keras",
    "labels.txt",
    "report.json",
    "config.json",
}
TURNED = 6
"""EXIF: to be shown a quarter turn to the right."""


@pytest.mark.parametrize("preset", ["quick", "balanced"])
def test_the_bundle_holds_what_was_promised(trained, preset):
    done = trained(preset)
    with zipfile.ZipFile(io.BytesIO(bundle.packed(done.run, done.settings))) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        assert names >= PROMISED
        content = {name: archive.read(name) for name in names}
    assert names == set(bundle.members(done.run)) == set(bundle.sizes(done.run))
    assert names == bundle.MEANING.keys()
    assert {name: len(value) for name, value in content.items()} == bundle.sizes(done.run)
    assert content["labels.txt"].decode().splitlines() == list(done.run.dataset().classes)
    assert TrainingConfig(**json.loads(content["config.json"])) == done.run.config()
    assert Report.from_json(content["report.json"]) == done.run.report()


def test_nothing_in_the_bundle_says_whose_machine_it_was(trained):
    done = trained("balanced")
    with zipfile.ZipFile(io.BytesIO(bundle.packed(done.run, done.settings))) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            for secret in (done.run.id, str(done.settings.home), str(done.pictures)):
                assert secret.encode() not in content, name


def test_what_is_not_made_is_left_out(trained):
    done = trained()
    (done.run.model_folder / model.KERAS).unlink()
    assert set(bundle.sizes(done.run)) == bundle.MEANING.keys() - {model.KERAS}
    with zipfile.ZipFile(io.BytesIO(bundle.packed(done.run, done.settings))) as archive:
        assert model.KERAS not in archive.namelist()


def test_labels_outside_ascii_are_written_as_they_are(trained):
    done = trained()
    saved, arrays = model.load(done.run.model_folder)
    classes = ("ćma", "蜂", saved.classes[2])
    model.save(done.run.model_folder, saved.model_copy(update={"classes": classes}), arrays)
    bundle.make(done.run, done.pictures, done.settings, lambda _: None)
    written = (done.run.model_folder / "labels.txt").read_text(encoding="utf-8")
    assert written == "".join(f"{name}\n" for name in classes)


def test_a_file_that_answers_otherwise_than_the_report_is_withheld(trained):
    done = trained()
    folder = done.run.model_folder
    for name in (model.KERAS, model.LITERT):
        (folder / name).unlink()
    saved, arrays = model.load(folder)
    model.save(folder, saved, arrays | {"head.0.bias": arrays["head.0.bias"] + [0, 0.5, 0]})
    with pytest.raises(RunDamaged, match=r"^classifier\.tflite differs from the report by 0\.\d+"):
        bundle.make(done.run, done.pictures, done.settings, lambda _: None)
    assert set(bundle.sizes(done.run)) == bundle.MEANING.keys() - {
        model.KERAS,
        model.LITERT,
        "predict.py",
    }
    assert not list(folder.glob(".*"))


def test_a_keras_file_that_cannot_be_opened_is_withheld_and_the_other_stays(trained, monkeypatch):
    done = trained()
    folder = done.run.model_folder
    before = files.sha256(folder / model.LITERT)
    (folder / model.KERAS).unlink()
    monkeypatch.setattr(bundle, "_keras", lambda *_: np.full((6, 3), np.nan))
    with pytest.raises(RunDamaged, match=r"^classifier\.keras differs"):
        bundle.make(done.run, done.pictures, done.settings, lambda _: None)
    assert not (folder / model.KERAS).exists()
    assert files.sha256(folder / model.LITERT) == before


def test_predict_py_prints_what_the_model_answers_wherever_the_bundle_lies(trained, tmp_path):
    done = trained("balanced")
    with zipfile.ZipFile(io.BytesIO(bundle.packed(done.run, done.settings))) as archive:
        archive.extractall(tmp_path / "bundle")
    drawn = draw(1, 3, size=120)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = TURNED
    seen = drawn.convert("RGBA")
    seen.putalpha(140)
    pictures = {
        "plain.png": encoded(drawn, "PNG"),
        "wide.jpg": encoded(drawn.resize((900, 640))),
        "turned.jpg": encoded(drawn.resize((300, 200)), exif=turned),
        "grey.png": encoded(drawn.convert("L"), "PNG"),
        "seen through.png": encoded(seen, "PNG"),
    }
    classifier = done.run.classifier(done.settings)
    wanted = []
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
        wanted.append(name)
        found = classifier.answer(classifier.load(content)).probabilities
        for rank, label in enumerate(np.argsort(-found)[:3], start=1):
            named = classifier.labels[label]
            wanted.append(f"{rank}: {named} with probability {found[label]:.2f}")
    command = [sys.executable, "-I", str(tmp_path / "bundle" / "predict.py"), *pictures]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == wanted
    source = (tmp_path / "bundle" / "predict.py").read_text()
    assert len(source.splitlines()) < 60


def test_predict_py_is_left_out_where_it_has_no_model_to_ask(trained):
    done = trained()
    (done.run.model_folder / model.LITERT).unlink()
    assert "predict.py" not in bundle.members(done.run)
