import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from core import dataset, images
from core.intake import samples
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


def test_the_photographs_can_be_decoded_and_have_alt_texts() -> None:
    photographs = samples.photographs()
    assert photographs.keys() == samples.ALT_TEXTS.keys() == samples.PHOTOGRAPHS.keys()
    for content in photographs.values():
        assert min(images.decode(content).shape[:2]) > 300
