import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import backbones, dataset
from core.intake import samples
from core.model.classifier import Classifier
from core.settings import Settings


def test_the_digits_are_a_dataset_of_ten_classes_and_always_the_same(tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    samples.digits(first)
    samples.digits(second)
    result = dataset.read(first, tmp_path / "pictures", Settings(home=tmp_path))
    assert result.classes == tuple("0123456789")
    assert {result.count(label) for label in range(10)} == {samples.PER_CLASS}
    assert result.skipped == ()
    assert len({example.sha256 for example in result.examples}) == len(result.examples)
    with zipfile.ZipFile(first) as zipped, zipfile.ZipFile(second) as again:
        assert zipped.namelist() == again.namelist()
        assert all(zipped.read(name) == again.read(name) for name in zipped.namelist())
        pixels = np.asarray(Image.open(io.BytesIO(zipped.read("digits/8/000.png"))))
    assert pixels.shape == (samples.EDGE, samples.EDGE)
    assert pixels.min() < 40
    assert all((edge == 255).all() for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("Cat", {"tiger cat", "tabby", "Egyptian cat"}),
        ("Espresso", {"espresso"}),
        ("Panda", {"giant panda"}),
        ("Goldfish", {"goldfish"}),
        ("Palace", {"palace"}),
        ("Koala", {"koala"}),
    ],
)
def test_the_default_model_names_each_sample_right(name: str, answers: set[str]) -> None:
    sample = samples.photographs()[name]
    network = Classifier.of_backbone(backbones.get(backbones.DEFAULT), Settings())
    (best,) = network.top(network.answer(network.load(sample.content)).probabilities, 1)
    assert best.label.split(",")[0] in answers
    assert sample.alt


def test_every_sample_is_credited() -> None:
    licences = (samples.FOLDER.parents[2] / "docs" / "licences.md").read_text(encoding="utf-8")
    for name in samples.photographs():
        assert f"`{name.lower()}.jpg`" in licences
