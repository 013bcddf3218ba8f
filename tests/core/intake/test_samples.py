"""The samples are made on this machine and can be used as they are."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from core import dataset, images
from core.intake import samples
from core.settings import Settings


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "digits.zip"
    samples.digits(path)
    return path


def test_the_digits_are_a_dataset_of_ten_classes(digits, tmp_path):
    found = dataset.read(digits, tmp_path / "pictures", Settings(home=tmp_path))
    assert found.classes == tuple("0123456789")
    assert {found.count(label) for label in range(10)} == {samples.PER_CLASS}
    assert found.skipped == ()
    assert len({example.sha256 for example in found.examples}) == len(found.examples)


def test_the_digits_are_dark_on_white_with_room_around(digits):
    with zipfile.ZipFile(digits) as archive:
        pixels = np.asarray(Image.open(io.BytesIO(archive.read("digits/8/000.png"))))
    assert pixels.shape == (samples.EDGE, samples.EDGE)
    assert pixels.min() < 40
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge == 255).all()


def test_the_digits_are_the_same_every_time(digits, tmp_path):
    samples.digits(tmp_path / "again.zip")
    with zipfile.ZipFile(digits) as one, zipfile.ZipFile(tmp_path / "again.zip") as again:
        assert one.namelist() == again.namelist()
        assert all(one.read(name) == again.read(name) for name in one.namelist())


def test_the_photographs_can_be_seen_and_are_described():
    found = samples.photographs()
    assert found.keys() == samples.ALT_TEXTS.keys() == samples.PHOTOGRAPHS.keys()
    for content in found.values():
        assert min(images.decode(content).shape[:2]) > 300
