"""The views of a training picture: itself, its mirror image, then random ones."""

import numpy as np
import pytest
from PIL import Image

from core import images
from core.settings import Settings
from core.training.augmentation import Rendering
from core.training.config import Augmentation
from tests.core.profiles import WIDE
from tests.shapes import draw, encoded

SIZE, CROP = 48, 0.875
NOTHING = {"rotation": 0, "zoom": 0, "shear": 0, "shift": 0, "brightness": 0, "flip": False}


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[0:90, 0:120] / 90
    wave = np.stack([np.sin(5 * x), np.cos(4 * y), x * y], axis=-1)
    return np.uint8(np.clip(120 + 90 * wave, 0, 255))


def views(picture, key="key", size=SIZE, crop=CROP, seed=0, **augmentation):
    rendering = Rendering(Augmentation(**augmentation), size, crop, Settings(), seed)
    content = encoded(Image.fromarray(picture), "PNG")
    return rendering.views(content, key, range(rendering.augmentation.views))


def test_the_first_view_equals_the_input_of_a_prediction(picture):
    for rendered in (views(picture, views=1), views(picture, views=5)):
        np.testing.assert_array_equal(rendered[0], images.crop_and_resize(picture, SIZE, CROP))


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("profile", [WIDE, None])
def test_a_view_is_the_same_whichever_others_are_rendered_with_it(flip, profile):
    content = encoded(draw(0, size=200), icc_profile=profile)
    settings = Settings()
    rendering = Rendering(Augmentation(views=4, flip=flip), SIZE, CROP, settings)
    every = rendering.views(content, "0" * 64, range(4))
    np.testing.assert_array_equal(
        every[0], images.decode_and_crop(content, SIZE, CROP, limits=settings)
    )
    for numbers in ([0], [1], [0, 1], [3], [2, 0]):
        for number, view in zip(numbers, rendering.views(content, "0" * 64, numbers), strict=True):
            np.testing.assert_array_equal(view, every[number])


def test_the_second_view_is_the_mirror_image_of_the_first(picture):
    first, second = views(picture, views=2)
    np.testing.assert_array_equal(second, first[:, ::-1])
    assert not np.array_equal(first, second)


def test_every_view_has_the_size_and_type_that_a_backbone_takes(picture):
    for flip in (True, False):
        rendered = views(picture, views=7, flip=flip)
        assert len(rendered) == 7
        assert {(view.shape, view.dtype.name) for view in rendered} == {((SIZE, SIZE, 3), "uint8")}


def test_the_same_key_and_seed_give_the_same_views_and_others_give_others(picture):
    first, repeated = (views(picture, "a", views=6) for _ in range(2))
    assert all(np.array_equal(x, y) for x, y in zip(first, repeated, strict=True))
    for key, seed in (("b", 0), ("a", 1)):
        different = views(picture, key, seed=seed, views=6)
        assert all(np.array_equal(x, y) for x, y in zip(first[:2], different[:2], strict=True))
        assert not any(np.array_equal(x, y) for x, y in zip(first[2:], different[2:], strict=True))
    assert len({view.tobytes() for view in first}) == 6


def test_a_random_view_without_augmentation_is_the_picture(picture):
    # One resize or two: rounding apart, nothing moves.
    plain, still = views(picture, views=2, **NOTHING)
    assert np.abs(plain.astype(int) - still).max() <= 6
    assert np.abs(plain.astype(int) - still).mean() < 1


def test_without_flip_nothing_is_mirrored(picture):
    ramp = np.repeat(np.linspace(0, 255, 60).astype(np.uint8)[None, :, None], 60, 0).repeat(3, 2)
    for view in views(ramp, views=16, flip=False):
        assert view[:, -1].mean() > view[:, 0].mean()
    sides = {view[:, -1].mean() > view[:, 0].mean() for view in views(ramp, views=16)[2:]}
    assert sides == {True, False}


@pytest.mark.parametrize(
    "knob", [{"rotation": 90}, {"zoom": 0.5}, {"shear": 30}, {"shift": 0.3}, {"brightness": 0.5}]
)
def test_each_augmentation_changes_the_picture(picture, knob):
    plain, *varied = views(picture, views=8, **NOTHING | knob)
    assert np.mean([np.abs(plain.astype(int) - view).mean() for view in varied]) > 3


def test_a_shift_goes_as_far_as_it_may_and_no_farther():
    dot = np.zeros((49, 49, 3), np.uint8)
    dot[22:27, 22:27] = 255
    far = []
    for view in views(dot, size=49, crop=1, views=16, **NOTHING | {"shift": 0.2})[1:]:
        far += [abs(np.average(np.arange(49), weights=view.sum((axis, 2))) - 24) for axis in (0, 1)]
    assert 0.15 < max(far) / 49 < 0.205


def test_a_zoom_goes_both_ways_as_far_as_it_may_and_no_farther():
    disc = np.zeros((96, 96, 3), np.uint8)
    disc[32:64, 32:64] = 255
    rendered = views(disc, size=96, crop=1, views=16, **NOTHING | {"zoom": 0.4})
    edges = [np.sqrt(view.sum() / rendered[0].sum()) for view in rendered[1:]]
    assert 1 / 1.42 < min(edges) < 0.85
    assert 1.15 < max(edges) < 1.42


def test_brightness_scales_the_light_and_nothing_else():
    grey = np.full((60, 60, 3), 100, np.uint8)
    rendered = views(grey, views=16, **NOTHING | {"brightness": 0.5})[1:]
    assert all(np.ptp(view) == 0 for view in rendered)
    levels = [int(view[0, 0, 0]) for view in rendered]
    assert 50 <= min(levels) < 80
    assert 120 < max(levels) <= 150


@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("crop", [0.6, 0.875, 1.0])
@pytest.mark.parametrize(
    "far",
    [
        {},
        {"rotation": 180},
        {"rotation": 180, "zoom": 0.9, "shear": 45, "shift": 0.5},
        {"rotation": 0, "zoom": 0.9, "shear": 0, "shift": 0.5},
        {"rotation": 20, "zoom": 0, "shear": 45, "shift": 0},
    ],
    ids=str,
)
def test_no_view_has_a_blank_corner(far, crop, size):
    grey = np.full((70, 64, 3), 200, np.uint8)
    for key in range(4):
        for view in views(grey, str(key), size, crop, views=16, **far | {"brightness": 0}):
            assert view.min() >= 199
