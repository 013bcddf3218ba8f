"""Light, colour and sharpness are measured each by itself, and kept within bounds."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from pydantic import ValidationError

from core.model import appearance
from core.model.appearance import Appearance, Measures
from tests.shapes import draw

PICTURE = np.asarray(draw(0, seed=1, size=96))


def multiplied(*factors: float) -> np.ndarray:
    return np.rint(PICTURE * np.array(factors)).clip(0, 255).astype(np.uint8)


def test_a_darker_picture_is_darker_and_nothing_else() -> None:
    before, after = appearance.measure(PICTURE), appearance.measure(multiplied(0.5, 0.5, 0.5))
    assert after.brightness == pytest.approx(before.brightness / 2, abs=1)
    assert after.warmth == pytest.approx(before.warmth, abs=0.5)
    assert after.sharpness == pytest.approx(before.sharpness, rel=0.05)


def test_a_bluer_picture_has_less_warmth() -> None:
    assert appearance.measure(multiplied(0.7, 1, 1)).warmth < appearance.measure(PICTURE).warmth - 5
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
    summary = appearance.summarise([Measures(level, 0, 3) for level in range(101)])
    assert summary is not None
    assert summary.pictures == 101
    assert tuple(summary.brightness.model_dump().values()) == (1, 5, 50, 95, 99)
    assert set(summary.warmth.model_dump().values()) == {0}
    assert Appearance.model_validate_json(summary.model_dump_json()) == summary


def test_the_range_of_few_pictures_covers_98_percent_of_new_ones() -> None:
    generator = np.random.default_rng(0)
    beyond = []
    for _ in range(200):
        levels = generator.normal(120, 15, 24 + 500)
        summary = appearance.summarise([Measures(level, 0, 3) for level in levels[:24]])
        assert summary is not None
        spread = summary.brightness
        outside = (levels[24:] < spread.least) | (levels[24:] > spread.most)
        beyond.append(outside.mean())
    # The outermost of 24 would leave 8 in 100 out.
    assert np.mean(beyond) == pytest.approx(0.02, abs=0.01)


def test_too_few_pictures_give_no_summary() -> None:
    assert appearance.summarise([Measures(9, 0, 3)] * (appearance.MINIMUM_PICTURES - 1)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("brightness", 255.1), ("brightness", -1), ("warmth", 101), ("sharpness", -1)],
)
def test_a_value_outside_its_bounds_is_refused(name: str, value: float) -> None:
    summary = appearance.summarise([Measures(9, 0, 3)] * appearance.MINIMUM_PICTURES)
    assert summary is not None
    values = summary.model_dump()
    values[name] = dict.fromkeys(values[name], value)
    with pytest.raises(ValidationError, match=f"{name} must be"):
        Appearance.model_validate(values)
