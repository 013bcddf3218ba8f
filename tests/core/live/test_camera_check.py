"""A camera check names what differs from the training pictures, with the numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core.errors import BadImage, BadInput
from core.live import camera_check
from core.model.appearance import Appearance
from core.model.classifier import Classifier
from tests.core.trainings import TrainedRun
from tests.shapes import encoded


@pytest.fixture
def trained(trained_run: Callable[..., TrainedRun]) -> TrainedRun:
    return trained_run("quick")


@pytest.fixture
def model(trained: TrainedRun) -> Classifier:
    return trained.run.classifier(trained.settings)


@pytest.fixture
def views(trained: TrainedRun, model: Classifier) -> list[np.ndarray]:
    """Test pictures as the model sees them."""
    examples = trained.run.dataset().of("test")
    return [model.load(trained.pictures / example.path) for example in examples]


def frames(views: list[np.ndarray], *factors: float, blur: float = 0) -> list[bytes]:
    """Ten frames of a camera that sees these, one after another."""
    pixels = [
        np.rint(view * np.array(factors or (1, 1, 1))).clip(0, 255).astype(np.uint8)
        for view in (views * camera_check.FRAMES)[: camera_check.FRAMES]
    ]
    blurred = ImageFilter.GaussianBlur(blur)
    return [encoded(Image.fromarray(view_pixels).filter(blurred)) for view_pixels in pixels]


def test_test_pictures_look_like_training_pictures(
    model: Classifier, views: list[np.ndarray]
) -> None:
    result = camera_check.check(model, frames(views))
    assert not result.unlike
    assert not any(measure.reason for measure in result.measures)
    names = [measure.name for measure in result.measures]
    assert names == ["brightness", "warmth", "sharpness", "overall difference"]


@pytest.mark.parametrize(
    ("measure", "word", "factors", "blur"),
    [
        ("brightness", "darker", (0.25, 0.25, 0.25), 0),
        ("warmth", "bluer", (0.4, 0.9, 1.6), 0),
        ("warmth", "warmer in colour", (1.6, 0.9, 0.3), 0),
        ("sharpness", "blurrier", (1, 1, 1), 2),
    ],
)
def test_an_unlike_measure_is_named_with_its_numbers(
    model: Classifier,
    views: list[np.ndarray],
    measure: str,
    word: str,
    factors: tuple[float, ...],
    blur: float,
) -> None:
    result = camera_check.check(model, frames(views, *factors, blur=blur))
    assert result.unlike
    (row,) = [measure_row for measure_row in result.measures if measure_row.name == measure]
    assert row.unlike
    assert row.difference == word
    assert f"{word} ({measure} {row.camera}; 98 of 100 " in result.sentence


def test_pictures_of_something_else_are_further_away(model: Classifier) -> None:
    rows = np.arange(model.size)[:, np.newaxis, np.newaxis]
    stripes = np.broadcast_to(np.where(rows % 4 < 2, 255, 0), (model.size, model.size, 3))
    distance = camera_check.check(model, frames([stripes.astype(np.uint8)])).measures[-1]
    assert distance.name == "overall difference"
    assert distance.unlike


def _with(appearance: Appearance, *brightness: float) -> Appearance:
    spread = dict(zip(("least", "low", "middle", "high", "most"), brightness, strict=True))
    return Appearance.model_validate(appearance.model_dump() | {"brightness": spread})


def test_a_small_difference_is_called_somewhat(model: Classifier, views: list[np.ndarray]) -> None:
    assert model.appearance is not None
    level = float(camera_check.check(model, frames(views)).measures[0].camera)
    low, high = level + 8, level + 60
    usual = _with(model.appearance, low - 10, low, low, high, high + 10)
    model = replace(model, appearance=usual)
    result = camera_check.check(model, frames(views))
    assert not result.unlike
    assert result.measures[0].difference == "somewhat darker"
    assert f"darker (brightness {level:.0f}; 9 of 10 " in result.sentence


def test_an_invisible_difference_is_none(model: Classifier, views: list[np.ndarray]) -> None:
    assert model.appearance is not None
    level = float(camera_check.check(model, frames(views)).measures[0].camera)
    model = replace(model, appearance=_with(model.appearance, *[level + 2] * 5))
    assert not camera_check.check(model, frames(views)).measures[0].reason


def test_frames_that_cannot_be_compared_are_refused(
    model: Classifier, views: list[np.ndarray]
) -> None:
    ten = frames(views)
    with pytest.raises(BadInput, match="Expected 1 to 10 frames, found 0"):
        camera_check.check(model, [])
    with pytest.raises(BadInput, match="found 11"):
        camera_check.check(model, [*ten, ten[0]])
    with pytest.raises(BadImage, match="Expected a frame of"):
        camera_check.check(model, [encoded(Image.new("RGB", (9, 9)))])
    with pytest.raises(BadInput):
        camera_check.check(replace(model, appearance=None), ten)
