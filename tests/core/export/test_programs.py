"""The programs that ship with a model answer as the app does, wherever they lie."""

import io
import itertools
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from PIL import ExifTags, Image

from core.export import packing, programs
from core.export.formats import FORMATS, INT8
from core.model import storage
from core.model.storage import ModelFile
from tests.shapes import draw, encoded

TURNED = 6
"""EXIF: to be shown a quarter turn to the right."""
SAVED = ModelFile(backbone="tiny", classes=("ant", "bee"), size=32, crop=0.94)


@pytest.fixture
def pictures(tmp_path):
    """Name → bytes of pictures of every kind that people have, written beside each other."""
    drawn = draw(1, 3, size=120)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = TURNED
    seen = drawn.convert("RGBA")
    seen.putalpha(140)
    deep = Image.fromarray(np.asarray(drawn.convert("L")).astype(np.uint16) * 257)
    found = {
        "plain.png": encoded(drawn, "PNG"),
        "wide.jpg": encoded(drawn.resize((900, 640))),
        "turned.jpg": encoded(drawn.resize((300, 200)), exif=turned),
        "grey.png": encoded(drawn.convert("L"), "PNG"),
        "deep.png": encoded(deep, "PNG"),
        "seen through.png": encoded(seen, "PNG"),
    }
    for name, content in found.items():
        (tmp_path / name).write_bytes(content)
    return found


IN_TURN = """
import runpy, sys
programs = sys.argv[1].split(",")
del sys.argv[1]
for program in programs:
    runpy.run_path(program, run_name="__main__")
"""


@pytest.mark.parametrize("tensorflow", [False, True])
def test_programs_print_what_the_model_answers_wherever_the_bundle_lies(
    trained, pictures, tmp_path, tensorflow
):
    programs = [
        str(tmp_path / "bundle" / form.program)
        for form in FORMATS
        if form.tensorflow == tensorflow and form.file != INT8
    ]
    assert len(programs) == 2
    done = trained("balanced")
    with zipfile.ZipFile(io.BytesIO(packing.pack(done.run, done.settings))) as archive:
        archive.extractall(tmp_path / "bundle")
    classifier = done.run.classifier(done.settings)
    wanted = []
    for name, content in pictures.items():
        wanted.append(name)
        found = classifier.answer(classifier.load(content)).probabilities
        for rank, label in enumerate(np.argsort(-found)[:3], start=1):
            named = classifier.labels[label]
            wanted.append(f"{rank}: {named} with probability {found[label]:.2f}")
    # In one process, as TensorFlow takes seconds to import.
    command = [sys.executable, "-I", "-c", IN_TURN, ",".join(programs), *pictures]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == wanted * 2


def test_programs_are_short_and_in_good_shape(tmp_path):
    for form, threshold in itertools.product(FORMATS, (0.0, 0.5)):
        written = programs.prediction(form, SAVED, threshold)
        assert len(written.splitlines()) < 60
        assert form.file in written
        compile(written, form.program, "exec")
        (tmp_path / f"{form.name}-{threshold}.py").write_text(written)
    for command in (["format", "--check"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100"]
        subprocess.run([*ruff, tmp_path], check=True)


def test_a_program_says_when_it_is_not_sure(trained, pictures, tmp_path):
    done = trained()
    classifier = done.run.classifier(done.settings)
    certainty = {
        name: float(classifier.answer(classifier.load(content)).probabilities.max())
        for name, content in pictures.items()
    }
    name = min(certainty, key=lambda name: certainty[name])
    done.run.annotate(lambda said: said.model_copy(update={"threshold": 1.0}))
    with zipfile.ZipFile(
        io.BytesIO(packing.pack(done.run, done.settings, [storage.LITERT]))
    ) as archive:
        archive.extractall(tmp_path / "bundle")
    command = [sys.executable, "-I", str(tmp_path / "bundle" / "predict.py"), name]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "not sure"


def test_a_program_without_pictures_says_what_it_expects(trained, tmp_path):
    done = trained()
    with zipfile.ZipFile(
        io.BytesIO(packing.pack(done.run, done.settings, [storage.LITERT]))
    ) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-I", str(tmp_path / "predict.py")]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 1
    assert said.stderr.strip() == "Expected pictures: python predict.py PICTURE [PICTURE ...]"


@pytest.mark.parametrize("template", ["predict.js.j2", "Classifier.kt.j2"])
def test_programs_for_elsewhere_have_the_sizes_of_the_model(template):
    written = programs.render(template, saved=SAVED)
    assert "SIZE = 32" in written
    assert "CROP = 0.94" in written
    assert "{{" not in written
    assert "most likely of 2 classes" in written
