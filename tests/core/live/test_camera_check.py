"""A camera is called unlike where its frames are, in words and with the numbers."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from core import live
from core.errors import BadImage, BadInput
from core.model.appearance import Appearance
from core.model.classifier import Classifier
from tests.core.trainings import Trained
from tests.shapes import encoded

USUAL = "Your camera looks like your training pictures."
SOMEWHAT = "Your camera looks somewhat unlike your training pictures: "
UNLIKE = "Your camera looks unlike your training pictures: "


@pytest.fixture
def taught(trained: Callable[..., Trained]) -> Trained:
    return trained("quick")


@pytest.fixture
def model(taught: Trained) -> Classifier:
    return taught.run.classifier(taught.settings)


@pytest.fixture
def views(taught: Trained, model: Classifier) -> list[np.ndarray]:
    """Test pictures as the model sees them."""
    examples = taught.run.dataset().of("test")
    return [model.load(taught.pictures / example.path) for example in examples]


def frames(views: list[np.ndarray], *factors: float, blur: float = 0) -> list[bytes]:
    """Ten frames of a camera that sees these, one after another."""
    found = []
    for view in (views * live.FRAMES)[: live.FRAMES]:
        seen = np.rint(view * np.array(factors or (1, 1, 1))).clip(0, 255).astype(np.uint8)
        found.append(encoded(Image.fromarray(seen).filter(ImageFilter.GaussianBlur(blur))))
    return found


def names(found: live.CameraCheck) -> set[str]:
    return {one.name for one in found.measures if one.unlike}


def test_pictures_that_it_never_saw_look_like_those_it_was_taught(
    model: Classifier, views: list[np.ndarray]
) -> None:
    found = live.check(model, frames(views))
    assert found.sentence == USUAL
    assert not found.unlike
    assert [one.name for one in found.measures] == [
        "brightness",
        "warmth",
        "sharpness",
        "distance",
    ]


@pytest.mark.parametrize(
    ("measure", "word", "factors", "blur"),
    [
        ("brightness", "darker (brightness ", (0.25, 0.25, 0.25), 0),
        ("warmth", "bluer (warmth ", (0.4, 0.9, 1.6), 0),
        ("warmth", "warmer in colour (warmth ", (1.6, 0.9, 0.3), 0),
        ("sharpness", "blurrier (sharpness ", (1, 1, 1), 2),
    ],
)
def test_what_is_unlike_is_named_with_its_numbers(
    model: Classifier,
    views: list[np.ndarray],
    measure: str,
    word: str,
    factors: tuple[float, ...],
    blur: float,
) -> None:
    found = live.check(model, frames(views, *factors, blur=blur))
    assert found.unlike
    assert measure in names(found)
    assert found.sentence.startswith(UNLIKE)
    assert word in found.sentence
    assert "98 of 100 such pictures have" in found.sentence
    (row,) = [one for one in found.measures if one.name == measure]
    assert row.difference == word.split(" (")[0]


def test_what_it_was_never_taught_is_further_away(model: Classifier) -> None:
    rows = np.arange(model.size)[:, np.newaxis, np.newaxis]
    stripes = np.broadcast_to(np.where(rows % 4 < 2, 255, 0), (model.size, model.size, 3))
    found = live.check(model, frames([stripes.astype(np.uint8)]))
    assert "distance" in names(found)
    assert "further away as the model sees it (distance " in found.sentence


def _of(appearance: Appearance, name: str, low: float, high: float) -> Appearance:
    spread = {"least": low - 10, "low": low, "middle": low, "high": high, "most": high + 10}
    return Appearance.model_validate(appearance.model_dump() | {name: spread})


def test_a_small_difference_is_said_softly(model: Classifier, views: list[np.ndarray]) -> None:
    assert model.appearance is not None
    level = float(live.check(model, frames(views)).measures[0].camera)
    model.appearance = _of(model.appearance, "brightness", level + 8, level + 60)
    found = live.check(model, frames(views))
    assert found.sentence.startswith(
        f"{SOMEWHAT}darker (brightness {level:.0f}; 9 of 10 such pictures have "
    )
    assert not found.unlike
    assert found.measures[0].difference == "somewhat darker"


def test_a_difference_that_nobody_sees_is_none(model: Classifier, views: list[np.ndarray]) -> None:
    assert model.appearance is not None
    level = float(live.check(model, frames(views)).measures[0].camera)
    flat = dict.fromkeys(("least", "low", "middle", "high", "most"), level + 2)
    model.appearance = Appearance.model_validate(
        model.appearance.model_dump() | {"brightness": flat}
    )
    assert not live.check(model, frames(views)).measures[0].reason


def test_what_cannot_be_checked_is_refused(model: Classifier, views: list[np.ndarray]) -> None:
    seen = frames(views)
    with pytest.raises(BadInput, match="Expected 1 to 10 frames, found 0"):
        live.check(model, [])
    with pytest.raises(BadInput, match="found 11"):
        live.check(model, [*seen, seen[0]])
    with pytest.raises(BadImage, match="Expected a frame of"):
        live.check(model, [encoded(Image.new("RGB", (9, 9)))])
    model.appearance = None
    with pytest.raises(BadInput, match="Nothing was kept"):
        live.check(model, seen)
