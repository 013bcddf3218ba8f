"""A prediction says what a reader should know about its picture."""

import io

import numpy as np
import pytest
from PIL import Image

from core import backbones
from core.model.classifier import Classifier
from core.settings import Settings
from tests.shapes import draw, encoded

PHOTO = draw(1, size=200)


@pytest.fixture
def classifier(settings: Settings) -> Classifier:
    return Classifier.of_backbone(backbones.get(backbones.DEFAULT), settings)


def saved(picture: Image.Image, kind: str, *others: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    more = {"save_all": True, "append_images": others} if others else {}
    picture.save(buffer, kind, **more, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_animations_and_several_pages_it_says_that_only_the_first_was_read(classifier, kind):
    several = saved(PHOTO, kind, PHOTO.rotate(90))
    (note,) = classifier.classify(several).notes
    assert "several pages or frames; only the first" in note
    assert not classifier.classify(encoded(PHOTO, kind)).notes


def test_a_gain_map_in_the_file_of_a_photograph_is_no_second_frame(classifier):
    gain_map = PHOTO.convert("L").resize((50, 50))
    assert not classifier.classify(saved(PHOTO, "MPO", gain_map)).notes


def test_a_picture_whose_end_is_missing_says_so(classifier):
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    content = encoded(Image.fromarray(noise), "PNG")
    (note,) = classifier.classify(content[: int(0.97 * len(content))]).notes
    assert "end of this file is missing" in note


def test_of_a_long_picture_it_says_how_much_of_it_the_model_sees(classifier):
    for size, share in (((1_000, 200), 20), ((200, 1_000), 20), ((601, 200), 33)):
        (note,) = classifier.classify(encoded(PHOTO.resize(size), "PNG")).notes
        assert f"the central square, {share} % of this picture" in note
    assert not classifier.classify(encoded(PHOTO.resize((600, 200)), "PNG")).notes


def test_a_picture_in_which_there_is_nothing_to_see_says_so(classifier):
    white_logo = np.zeros((200, 200, 4), np.uint8)
    white_logo[50:150, 50:150] = 255
    (white,) = classifier.classify(encoded(Image.fromarray(white_logo), "PNG")).notes
    (pixel,) = classifier.classify(encoded(PHOTO.resize((1, 1)), "PNG")).notes
    assert white == pixel
    assert "all of one colour" in white
    (black,) = classifier.classify(encoded(Image.new("RGB", PHOTO.size), "PNG")).notes
    assert "nearly black" in black
    line = Image.new("RGB", PHOTO.size, "white")
    line.paste("black", (95, 90, 98, 110))
    assert not classifier.classify(encoded(line, "PNG")).notes
