"""Asking the Predict page why: where the model saw evidence for an answer."""

import io

import numpy as np
import pytest
from PIL import Image

from core.intake import samples
from core.model import heatmap
from core.model.classifier import ServingModel
from core.runs import Run
from tests.pages.visitor import SERVED, Visitor
from tests.shapes import draw, encoded
from ui import state


def _maps(visitor: Visitor) -> list[tuple[str, np.ndarray]]:
    """Alternative text and pixels of the heat maps that are shown."""
    images = [image for shown in visitor.at.get("image") for image in shown.proto.imgs]
    return [
        (
            image.alt,
            np.asarray(Image.open(io.BytesIO(SERVED[image.url])).convert("RGB")).astype(int),
        )
        for image in images
        if image.alt.startswith("Heat map")
    ]


def _open_heat_map(visitor: Visitor) -> Visitor:
    visitor.at.session_state[state.WHY] = True
    return visitor.rerun()


def _strength(visitor: Visitor, per_cent: int) -> None:
    visitor.at.slider(key=state.WHY_STRENGTH).set_value(per_cent)
    visitor.rerun()


@pytest.fixture
def model_calls(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Grows by one whenever a model is asked about a picture."""
    calls: list[None] = []
    run = ServingModel.run
    monkeypatch.setattr(
        ServingModel, "run", lambda self, shown: (calls.append(None), run(self, shown))[1]
    )
    return calls


def test_a_heat_map_is_computed_once_and_only_when_it_is_opened(
    visitor: Visitor, model_calls: list[None]
) -> None:
    visitor.open().press("Cat")
    before = len(model_calls)
    assert not _maps(visitor.rerun())
    assert len(model_calls) == before
    ((alt, _),) = _maps(_open_heat_map(visitor))
    assert "for tiger cat" in alt
    assert len(model_calls) == before + 1
    _strength(visitor, 30)
    visitor.fill("Answer to explain", 2)
    assert len(_maps(visitor)) == 1
    assert len(model_calls) == before + 1


def test_every_answer_can_be_explained_the_first_by_default(visitor: Visitor) -> None:
    _open_heat_map(visitor.open().press("Cat"))
    ((first, before),) = _maps(visitor)
    assert "Cat for tiger cat" in first
    assert "Bright parts are evidence for tiger cat" in visitor.text()
    visitor.fill("Answer to explain", 1)
    ((second, after),) = _maps(visitor)
    assert "Cat for Egyptian cat" in second
    assert "Bright parts are evidence for Egyptian cat" in visitor.text()
    assert (before != after).any()
    for pixels in (before, after):
        # Yellow, however faint the evidence for it is beside that for another.
        assert (pixels[..., 0] + pixels[..., 1] - 2 * pixels[..., 2]).max() > 250
    visitor.press("Palace")
    ((palace_alt, _),) = _maps(visitor)
    assert "Palace for palace" in palace_alt


def test_the_map_lies_over_what_the_model_saw_and_the_rest_is_dimmed(visitor: Visitor) -> None:
    original = Image.open(io.BytesIO(samples.photographs()["Cat"].content)).convert("RGB")
    original.thumbnail((640, 640), Image.Resampling.BICUBIC)
    picture = np.asarray(original).astype(int)
    edge = round(0.875 * min(picture.shape[:2]))
    top, left = (picture.shape[0] - edge) // 2, (picture.shape[1] - edge) // 2
    outside = np.ones(picture.shape[:2], bool)
    outside[top : top + edge, left : left + edge] = False
    _open_heat_map(visitor.open().press("Cat"))
    assert "The model does not see the dimmed parts" in visitor.text()
    for per_cent in (100, 0):
        _strength(visitor, per_cent)
        ((_, overlaid),) = _maps(visitor)
        off = np.abs(overlaid[outside] - heatmap.DIMMED * picture[outside]).mean()
        assert off < 6, "JPEG loses a little"
        moved = np.abs(overlaid[~outside] - picture[~outside]).mean()
        assert (moved > 15) == (per_cent > 0)


@pytest.mark.parametrize(
    ("x", "y", "where"),
    [(27, 27, "at the upper left"), (303, 27, "at the upper right"), (165, 303, "at the bottom")],
    ids=str,
)
def test_evidence_is_where_the_object_is(visitor: Visitor, x: int, y: int, where: str) -> None:
    photo = Image.open(io.BytesIO(samples.photographs()["Panda"].content)).convert("RGB")
    height = photo.height
    panda = photo.crop((60, 0, 60 + height, height)).resize((110, 110))
    picture = Image.new("RGB", (440, 440), (128, 128, 128))
    picture.paste(panda, (x, y))
    _open_heat_map(visitor.open().upload(("planted.png", encoded(picture, "PNG"))))
    ((alt, _),) = _maps(visitor)
    assert alt.endswith(f"strongest {where}")


def test_a_model_trained_here_explains_its_own_classes(visitor: Visitor, run: Run) -> None:
    visitor.open("predict", run=run.id)
    _open_heat_map(visitor.upload(("triangle.png", encoded(draw(1, seed=500), "PNG"))))
    name = run.dataset().classes[1]
    assert f"evidence for {name}" in visitor.text()
    ((alt, _),) = _maps(visitor)
    assert f"triangle.png for {name}" in alt


def test_a_picture_that_cannot_be_read_needs_no_explanation(visitor: Visitor) -> None:
    _open_heat_map(visitor.open().upload(("broken.jpg", b"no picture")))
    assert not _maps(visitor)
    assert "Why?" not in visitor.text()
