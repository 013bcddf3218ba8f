import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from core import backbones, intake
from core.intake import samples
from core.model.classifier import Classifier
from core.settings import Settings


def test_the_digits_are_ten_classes_always_the_same_and_hardly_ever_copies(tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    samples.digits(first)
    samples.digits(second)
    examined = intake.ingest(first, "digits", tmp_path / "intake", Settings(home=tmp_path))
    result = examined.dataset
    assert result.classes == tuple("0123456789")
    assert result.counts() == [samples.PER_CLASS] * 10
    assert result.skipped == ()
    assert len({example.sha256 for example in result.examples}) == len(result.examples)
    grouped = [example for example in result.examples if example.group is not None]
    assert len(grouped) < 0.03 * len(result.examples), "of 8 × 8 pixels, some really are the same"
    assert "alike_in_two_classes" not in {finding.code for finding in examined.findings}
    with zipfile.ZipFile(first) as zipped, zipfile.ZipFile(second) as again:
        assert zipped.namelist() == again.namelist()
        assert all(zipped.read(name) == again.read(name) for name in zipped.namelist())
        pixels = np.asarray(Image.open(io.BytesIO(zipped.read("digits/8/000.png"))))
    assert pixels.shape == (samples.EDGE, samples.EDGE)
    assert pixels.min() < 40
    assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


def test_the_default_model_names_each_sample_right() -> None:
    network = Classifier.of_backbone(backbones.get(backbones.DEFAULT), Settings())
    cats = {"tiger cat", "tabby", "Egyptian cat"}
    for name, sample in samples.photographs().items():
        (best,) = network.top(network.answer(network.load(sample.content)).probabilities, 1)
        expected = {"Cat": cats, "Panda": {"giant panda"}}.get(name, {name.lower()})
        assert best.label.split(",")[0] in expected
        assert sample.alt


def test_every_sample_is_credited() -> None:
    licences = (samples.FOLDER.parents[2] / "docs" / "licences.md").read_text(encoding="utf-8")
    for name in samples.photographs():
        assert f"`{name.lower()}.jpg`" in licences
