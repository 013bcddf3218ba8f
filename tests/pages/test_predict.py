import csv
import io
import json
import re
import shutil
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from core.backbones import DEFAULT, get, imagenet_labels, serving
from core.errors import NotEnoughResources
from core.intake import samples
from core.model.classifier import Answer, Classifier
from core.predict import table
from core.runs import Run
from core.settings import Settings
from core.system import files
from tests.core.trainings import TrainedRun
from tests.pages.visitor import SERVED, Visitor, plain_text
from tests.shapes import encoded

BROKEN = ("broken.jpg", b"no picture")


def _twelve_bits() -> tuple[str, bytes]:
    values = np.random.default_rng(0).integers(0, 4096, (64, 64)).astype(np.uint16)
    return "microscope.png", encoded(Image.fromarray(values), "PNG")


def _expected_labels(content: bytes, settings: Settings, count: int = 3) -> list[str]:
    model = Classifier.of_backbone(get("efficientnet-lite0"), settings)
    probabilities = model.answer(model.load(content)).probabilities
    return [guess.label for guess in model.top(probabilities, count)]


def _shown_labels(visitor: Visitor) -> list[str]:
    """Labels of the bars, from the top."""
    return [bar.rpartition(" · ")[0] for bar in visitor.bars()]


def test_the_first_answer_is_one_press_away(visitor: Visitor, host: Settings) -> None:
    visitor.open()
    assert not visitor.bars()
    visitor.press("Cat")
    assert _shown_labels(visitor) == _expected_labels(samples.photographs()["Cat"].content, host)
    assert _shown_labels(visitor)[0] == "tiger cat"
    assert re.search(
        r"Class number \d+ \(0 to 999\) · \d+ ms · EfficientNet-Lite0$", visitor.text(), re.M
    )


def test_a_picture_and_its_answer_are_still_there_after_a_visit_to_another_page(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(("circle.jpg", picture(0)))
    assert _shown_labels(visitor) == _expected_labels(picture(0), host)
    assert "Download as CSV" not in visitor.buttons()
    visitor.open("reports").open("predict")
    assert _shown_labels(visitor) == _expected_labels(picture(0), host)
    visitor.press("Clear")
    assert not _shown_labels(visitor)


def test_the_model_and_the_other_choices_are_the_same_after_a_visit_to_another_page(
    visitor: Visitor, run: Run
) -> None:
    visitor.open("predict", run=run.id).choose("Camera").fill("Answers", 2)
    visitor.open("reports").open("predict")
    assert visitor.at.selectbox[0].value == run.id
    assert visitor.at.number_input[0].value == 2
    assert visitor.at.radio[0].value == "Camera"
    visitor.fill("Model", "efficientnet-lite2").open("reports").open("predict")
    assert visitor.at.selectbox[0].value == "efficientnet-lite2"


def test_each_backbone_answers_for_itself(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    first, other = get(DEFAULT), get("resnet50")
    prepared = serving.locate(first, host)
    assert prepared
    folder = serving.folder_of(other, host)
    folder.mkdir(parents=True)
    shutil.copyfile(prepared, folder / serving.MODEL)
    record = {"backbone": other.name, "sha256": files.sha256(prepared), "weights_sha256": None}
    (folder / serving.RECORD).write_text(json.dumps(record))
    visitor.open().upload(("one.jpg", picture(0)))
    for row in (first, other, first):
        visitor.fill("Model", row.name)
        assert f"ms · {row.title}" in visitor.text()


def test_a_link_that_is_followed_again_opens_its_model(visitor: Visitor, run: Run) -> None:
    visitor.open("predict", run=run.id).fill("Model", "efficientnet-lite2")
    visitor.open("reports").open("predict", run=run.id)
    assert visitor.at.selectbox[0].value == run.id


def test_a_model_that_was_deleted_meanwhile_is_no_longer_chosen(
    visitor: Visitor, run: Run, run_in: Callable[..., Run]
) -> None:
    other = run_in()
    visitor.open("predict", run=run.id).fill("Model", other.id)
    files.remove(other.path)
    assert visitor.open("reports").open("predict").at.selectbox[0].value == run.id
    files.remove(run.path)
    visitor.open("reports").open("predict")
    assert visitor.at.selectbox[0].value == "efficientnet-lite0"


def test_a_trained_model_offers_pictures_of_its_test_set(visitor: Visitor, run: Run) -> None:
    visitor.open("predict", run=run.id)
    classes = run.dataset().classes
    offered = [plain_text(b.label) for b in visitor.at.button if str(b.key).startswith("sample ")]
    assert set(offered) == set(classes)
    assert "Test pictures, which the model has not learned from." in visitor.text()
    assert set(_shown_labels(visitor.press_key("sample 0"))) <= set(classes)


def test_a_nearly_black_picture_is_said_to_be_so(
    visitor: Visitor, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(_twelve_bits())
    assert "nearly black" in visitor.text()
    visitor.open().upload(("circle.jpg", picture(0)), _twelve_bits())
    assert visitor.text().count("nearly black") == 1, "in the grid, beside the other answer"
    rows = csv.DictReader(io.StringIO(visitor.download("Download as CSV").decode()))
    assert [row["note"][:29] for row in rows] == ["", "This picture is nearly black,"]
    visitor.open().press("Cat")
    assert "nearly black" not in visitor.text()


def test_pictures_are_shown_with_the_scale_of_the_model(visitor: Visitor, run: Run) -> None:
    model = run.model_folder / "model.json"
    stored = json.loads(model.read_bytes()) | {"scale": {"undeclared": None, "gain": 16}}
    model.write_text(json.dumps(stored), "utf-8")
    listed = run.manifest().files | {"model/model.json": files.sha256(model)}
    run.manifest.write(run.manifest().model_copy(update={"files": listed}))
    visitor.open("predict", run=run.id).upload(_twelve_bits(), _twelve_bits())
    assert "nearly black" not in visitor.text()
    contents = [
        SERVED[element.url] for image in visitor.at.get("image") for element in image.proto.imgs
    ]
    assert [np.asarray(Image.open(io.BytesIO(element))).max() > 200 for element in contents] == [
        True
    ] * 3


def test_a_camera_picture_is_classified(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().choose("Camera")
    assert not visitor.bars()
    visitor.at.camera_input[0].upload("camera.jpg", picture(1))
    assert _shown_labels(visitor.rerun()) == _expected_labels(picture(1), host)


def test_the_number_of_answers_is_the_number_of_bars(visitor: Visitor) -> None:
    visitor.open().press("Palace")
    assert len(_shown_labels(visitor)) == 3
    visitor.fill("Answers", 7)
    assert len(_shown_labels(visitor)) == 7
    assert len(set(_shown_labels(visitor)) & set(imagenet_labels())) == 7


def test_several_pictures_make_a_grid_to_choose_from(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(("circle.jpg", picture(0)), ("cross.jpg", picture(3)))
    first, second = (_expected_labels(picture(label), host) for label in (0, 3))
    assert _shown_labels(visitor) == first
    (chosen,) = [b for b in visitor.at.button if b.help and "cross" in b.help]
    assert chosen.label.startswith(("Not sure", second[0].split(",")[0]))
    chosen.click()
    assert _shown_labels(visitor.rerun()) == second


def test_several_answers_can_be_downloaded_as_csv(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(("=1+1.jpg", picture(0)), BROKEN)
    rows = list(csv.DictReader(io.StringIO(visitor.download("Download as CSV").decode())))
    answered, unreadable = rows
    assert tuple(answered) == table.COLUMNS, "as in the file for many pictures"
    labels = _expected_labels(picture(0), host)
    assert [answered["label"], answered["next label"]] == labels[:2]
    assert imagenet_labels()[int(answered["index"])] == labels[0]
    assert answered["file"] == "'=1+1.jpg", "a spreadsheet would run it"
    assert (unreadable["file"], unreadable["label"]) == ("broken.jpg", "")
    assert unreadable["problem"]


def test_new_pictures_begin_with_their_first(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(("circle.jpg", picture(0)), ("cross.jpg", picture(3)))
    visitor.press_key("show 1").press("Clear").upload(
        ("cross.jpg", picture(3)), ("circle.jpg", picture(0))
    )
    assert _shown_labels(visitor) == _expected_labels(picture(3), host)


def test_the_file_of_a_photo_that_was_put_away_is_not_kept(
    visitor: Visitor, picture: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[str] = []
    monkeypatch.setattr(
        "ui.internals.forget_uploads", lambda files: forgotten.extend(f.name for f in files)
    )
    visitor.open().choose("Camera")
    visitor.at.camera_input[0].upload("camera.jpg", picture(1))
    visitor.rerun().press("Clear")
    assert len(forgotten) == 1


def test_a_picture_that_this_host_has_no_memory_for_does_not_hide_the_other_answers(
    visitor: Visitor,
    host: Settings,
    picture: Callable[[int], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classify = Classifier.classify

    def scarce(self: Classifier, content: bytes) -> Answer:
        if content == picture(3):
            raise NotEnoughResources("Too little memory.")
        return classify(self, content)

    monkeypatch.setattr(Classifier, "classify", scarce)
    visitor.open().upload(("circle.jpg", picture(0)), ("cross.jpg", picture(3)))
    assert _shown_labels(visitor) == _expected_labels(picture(0), host)
    assert "Too little memory" in visitor.text()


def test_the_live_view_too_leads_to_training(visitor: Visitor) -> None:
    visitor.open().choose("Live")
    assert "Train your own classes" in visitor.text()


def test_the_live_view_of_a_damaged_model_says_why(visitor: Visitor, run: Run) -> None:
    weights = run.model_folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    visitor.open("predict", run=run.id).choose("Live")
    assert "weights" in visitor.at.error[0].value


def test_an_unreadable_file_says_why_and_the_others_are_classified(
    visitor: Visitor, host: Settings, picture: Callable[[int], bytes]
) -> None:
    visitor.open().upload(BROKEN, ("circle.jpg", picture(0)))
    assert "broken.jpg" in visitor.text()
    assert "not a picture" in visitor.text().lower() or "could not" in visitor.text().lower()
    (readable,) = [b for b in visitor.at.button if b.help and "circle" in b.help]
    readable.click()
    assert _shown_labels(visitor.rerun()) == _expected_labels(picture(0), host)


def test_an_unprepared_backbone_says_what_preparing_takes(visitor: Visitor) -> None:
    visitor.open().fill("Model", "resnet50")
    text = visitor.text()
    assert "ResNet50 has not been used on this machine yet" in text
    assert "102 MB" in text
    assert "a minute or two" in text
    assert "Prepare ResNet50" in visitor.buttons()


def test_a_model_trained_here_answers_with_its_own_classes(
    visitor: Visitor, run: Run, trained_run: TrainedRun
) -> None:
    visitor.open("predict", run=run.id)
    assert visitor.at.selectbox[0].value == run.id
    example = next(example for example in run.dataset().of("train") if example.label == 1)
    visitor.upload(("triangle.jpg", (trained_run.pictures / example.path).read_bytes()))
    assert _shown_labels(visitor)[0] == run.dataset().classes[1]
    assert "Class number 1 (0 to 3) · " in visitor.text()


def test_a_model_is_called_what_its_pictures_are_called(visitor: Visitor, run: Run) -> None:
    visitor.open("predict")
    (option,) = [name for name in visitor.at.selectbox[0].options if run.dataset().name in name]
    # A list of options is no Markdown: an escape would be seen.
    assert option.startswith(f"{run.dataset().name} · ")


def test_the_live_view_works_with_a_backbone_and_with_a_trained_model(
    visitor: Visitor, run: Run
) -> None:
    for parameters in ({}, {"run": run.id}):
        visitor.open("predict", **parameters).choose("Live")
        assert "Hold something up to the camera." in visitor.text()
        assert "The answer will appear here." not in visitor.text()
