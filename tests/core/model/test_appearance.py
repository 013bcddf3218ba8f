"""Light, colour and sharpness are measured each by itself, and kept within bounds."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from pydantic import ValidationError

from core.model import appearance
from core.model.appearance import Appearance, Measures
from tests.shapes import draw

PICTURE = np.asarray(draw(0, seed=1, size=96))


def changed(*factors: float) -> np.ndarray:
    return np.rint(PICTURE * np.array(factors)).clip(0, 255).astype(np.uint8)


def test_a_darker_picture_is_darker_and_nothing_else() -> None:
    before, after = appearance.measure(PICTURE), appearance.measure(changed(0.5, 0.5, 0.5))
    assert after.brightness == pytest.approx(before.brightness / 2, abs=1)
    assert after.warmth == pytest.approx(before.warmth, abs=0.5)
    assert after.sharpness == pytest.approx(before.sharpness, rel=0.05)


def test_a_bluer_picture_has_less_warmth() -> None:
    assert appearance.measure(changed(0.7, 1, 1)).warmth < appearance.measure(PICTURE).warmth - 5
    grey = np.full((32, 32, 3), 90, np.uint8)
    assert appearance.measure(grey) == Measures(90, 0, 0)
    assert appearance.measure(grey * np.array([0, 0, 1], np.uint8)).warmth == -100
    assert appearance.measure(np.zeros_like(grey)) == Measures(0, 0, 0)


def test_a_blurred_picture_has_less_sharpness() -> None:
    soft = Image.fromarray(PICTURE).filter(ImageFilter.GaussianBlur(2))
    before, after = appearance.measure(PICTURE), appearance.measure(np.asarray(soft))
    assert after.sharpness < before.sharpness / 2
    assert after.brightness == pytest.approx(before.brightness, abs=2)


def test_no_picture_is_beyond_the_bounds() -> None:
    rows, columns = np.indices((64, 64))
    board = np.repeat(((rows + columns) % 2 * 255)[..., np.newaxis], 3, axis=2).astype(np.uint8)
    for picture in (board, board // 64, np.random.default_rng(0).permutation(board)):
        for name, value in appearance.measure(picture)._asdict().items():
            low, high = appearance.BOUNDS[name]
            assert low <= value <= high


def test_the_spread_says_how_many_pictures_are_below() -> None:
    found = appearance.summarise([Measures(level, 0, 3) for level in range(101)])
    assert found is not None
    assert found.pictures == 101
    assert tuple(found.brightness.model_dump().values()) == (1, 5, 50, 95, 99)
    assert set(found.warmth.model_dump().values()) == {0}
    assert Appearance.model_validate_json(found.model_dump_json()) == found


def test_few_pictures_do_not_pretend_to_have_met_the_rarest() -> None:
    generator = np.random.default_rng(0)
    beyond = []
    for _ in range(200):
        levels = generator.normal(120, 15, 24 + 500)
        found = appearance.summarise([Measures(level, 0, 3) for level in levels[:24]])
        assert found is not None
        kept = found.brightness
        outside = (levels[24:] < kept.least) | (levels[24:] > kept.most)
        beyond.append(outside.mean())
    # The outermost of 24 would leave 8 in 100 out.
    assert np.mean(beyond) == pytest.approx(0.02, abs=0.01)


def test_few_pictures_tell_nothing() -> None:
    assert appearance.summarise([Measures(9, 0, 3)] * (appearance.MINIMUM_PICTURES - 1)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("brightness", 255.1), ("brightness", -1), ("warmth", 101), ("sharpness", -1)],
)
def test_what_cannot_have_been_measured_is_refused(name: str, value: float) -> None:
    found = appearance.summarise([Measures(9, 0, 3)] * appearance.MINIMUM_PICTURES)
    assert found is not None
    said = found.model_dump()
    said[name] = dict.fromkeys(said[name], value)
    with pytest.raises(ValidationError, match=f"{name} must be"):
        Appearance.model_validate(said)
