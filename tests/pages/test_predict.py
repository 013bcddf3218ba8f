import csv
import io
import json
import re
from collections.abc import Callable

import numpy as np
from PIL import Image

from core.backbones import get, imagenet_labels
from core.intake import samples
from core.model.classifier import Classifier
from core.runs import Run
from core.settings import Settings
from core.system import files
from tests.core.trainings import Trained
from tests.pages.visitor import SERVED, Visitor, reading
from tests.shapes import encoded

BROKEN = ("broken.jpg", b"no picture")


def _twelve_bits() -> tuple[str, bytes]:
    values = np.random.default_rng(0).integers(0, 4096, (64, 64)).astype(np.uint16)
    return "microscope.png", encoded(Image.fromarray(values), "PNG")


def _likeliest(content: bytes, settings: Settings, count: int = 3) -> list[str]:
    model = Classifier.of_backbone(get("efficientnet-lite0"), settings)
    probabilities = model.answer(model.load(content)).probabilities
    return [guess.label for guess in model.top(probabilities, count)]


def _answers(visitor: Visitor) -> list[str]:
    """Labels of the bars, from the top."""
    return [bar.rpartition(" · ")[0] for bar in visitor.bars()]


def test_the_first_answer_is_one_press_away(visitor: Visitor, host: Settings) -> None:
    visitor.open()
    assert not visitor.bars()
    visitor.press("Cat")
    assert _answers(visitor) == _likeliest(samples.photographs()["Cat"].content, host)
    assert _answers(visitor)[0] == "tiger cat"
    assert re.search(r"class \d+ of 0–999 · \d+ ms · EfficientNet-Lite0$", visitor.reads(), re.M)


def test_a_picture_and_its_answer_are_still_there_after_a_visit_to_another_page(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().give(("circle.jpg", picture(0)))
    visitor.at.switch_page("pages/reports.py")
    visitor.see()
    visitor.at.switch_page("pages/predict.py")
    assert _answers(visitor.see()) == _likeliest(picture(0), host)
    visitor.press("Clear")
    assert not _answers(visitor)


def test_a_trained_model_offers_pictures_of_its_test_set(visitor: Visitor, run: Run) -> None:
    visitor.open("predict", run=run.id)
    classes = run.dataset().classes
    offered = [reading(b.label) for b in visitor.at.button if str(b.key).startswith("sample ")]
    assert set(offered) == set(classes)
    assert "Test pictures, which the model has not learned from." in visitor.reads()
    visitor.at.button(key="sample 0").click()
    assert set(_answers(visitor.see())) <= set(classes)


def test_an_upload_gets_answers_the_likeliest_first(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().give(("circle.jpg", picture(0)))
    assert _answers(visitor) == _likeliest(picture(0), host)
    assert "Download as CSV" not in visitor.buttons()


def test_a_nearly_black_picture_is_said_to_be_so(visitor: Visitor) -> None:
    visitor.open().give(_twelve_bits())
    assert "nearly black" in visitor.reads()
    visitor.open().press("Cat")
    assert "nearly black" not in visitor.reads()


def test_pictures_are_shown_with_the_scale_of_the_model(visitor: Visitor, run: Run) -> None:
    model = run.model_folder / "model.json"
    stored = json.loads(model.read_bytes()) | {"scale": {"undeclared": None, "gain": 16}}
    model.write_text(json.dumps(stored), "utf-8")
    listed = run.manifest().files | {"model/model.json": files.sha256(model)}
    run.manifest.write(run.manifest().model_copy(update={"files": listed}))
    visitor.open("predict", run=run.id).give(_twelve_bits(), _twelve_bits())
    assert "nearly black" not in visitor.reads()
    shown = [SERVED[each.url] for image in visitor.at.get("image") for each in image.proto.imgs]
    assert [np.asarray(Image.open(io.BytesIO(each))).max() > 200 for each in shown] == [True] * 3


def test_a_camera_picture_is_classified(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().choose("Camera")
    assert not visitor.bars()
    visitor.at.camera_input[0].upload("camera.jpg", picture(1))
    assert _answers(visitor.see()) == _likeliest(picture(1), host)


def test_the_number_of_answers_is_the_number_of_bars(visitor: Visitor) -> None:
    visitor.open().press("Palace")
    assert len(_answers(visitor)) == 3
    visitor.fill("Answers", 7)
    assert len(_answers(visitor)) == 7
    assert len(set(_answers(visitor)) & set(imagenet_labels())) == 7


def test_several_pictures_make_a_grid_to_choose_from(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().give(("circle.jpg", picture(0)), ("cross.jpg", picture(3)))
    first, second = (_likeliest(picture(label), host) for label in (0, 3))
    assert _answers(visitor) == first
    (chosen,) = [b for b in visitor.at.button if b.help and "cross" in b.help]
    assert chosen.label.startswith(("Not sure", second[0].split(",")[0]))
    chosen.click()
    assert _answers(visitor.see()) == second


def test_several_answers_can_be_downloaded_as_csv(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().give(("=1+1.jpg", picture(0)), BROKEN)
    rows = list(csv.DictReader(io.StringIO(visitor.download("Download as CSV").decode())))
    answered = [row for row in rows if row["label"] in imagenet_labels()]
    assert [row["label"] for row in answered] == _likeliest(picture(0), host)
    assert [row["rank"] for row in answered] == ["1", "2", "3"]
    assert {row["file"] for row in answered} == {"'=1+1.jpg"}, "a spreadsheet would run it"
    assert [row["file"] for row in rows if row not in answered] == ["broken.jpg"]


def test_an_unreadable_file_says_why_and_the_others_are_classified(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().give(BROKEN, ("circle.jpg", picture(0)))
    assert "broken.jpg" in visitor.reads()
    assert "not a picture" in visitor.reads().lower() or "could not" in visitor.reads().lower()
    (readable,) = [b for b in visitor.at.button if b.help and "circle" in b.help]
    readable.click()
    assert _answers(visitor.see()) == _likeliest(picture(0), host)


def test_an_unprepared_backbone_says_what_preparing_takes(visitor: Visitor) -> None:
    visitor.open().fill("Model", "resnet50")
    said = visitor.reads()
    assert "ResNet50 has not been used on this machine yet" in said
    assert "102 MB" in said
    assert "a minute or two" in said
    assert "Prepare ResNet50" in visitor.buttons()


def test_a_model_trained_here_answers_with_its_own_classes(
    visitor: Visitor, run: Run, trained: Trained
) -> None:
    visitor.open("predict", run=run.id)
    assert visitor.at.selectbox[0].value == run.id
    known = next(example for example in run.dataset().of("train") if example.label == 1)
    visitor.give(("triangle.jpg", (trained.pictures / known.path).read_bytes()))
    assert _answers(visitor)[0] == run.dataset().classes[1]
    assert "Likeliest: class 1 of 0–3 · " in visitor.reads()


def test_a_model_is_called_what_its_pictures_are_called(visitor: Visitor, run: Run) -> None:
    visitor.open("predict")
    (shown,) = [name for name in visitor.at.selectbox[0].options if run.dataset().name in name]
    # A list of options is no Markdown: an escape would be seen.
    assert shown.startswith(f"{run.dataset().name} · ")


def test_the_live_view_works_with_a_backbone_and_with_a_trained_model(
    visitor: Visitor, run: Run
) -> None:
    for parameters in ({}, {"run": run.id}):
        visitor.open("predict", **parameters).choose("Live")
        assert "Hold something up to the camera." in visitor.reads()
        assert "The answer will appear here." not in visitor.reads()
