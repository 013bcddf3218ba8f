"""More pictures than fit a grid, and zips of them, on the Predict page."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import settings as host_settings
from core.backbones import get
from core.errors import NotEnoughResources
from core.model.classifier import Classifier
from core.runs import Run
from core.settings import Settings
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, zipped
from ui.predict import batch

TITLE = "=HYPERLINK(1) **bold**.jpg"


def noise() -> bytes:
    """A picture unlike any other."""
    random = np.random.default_rng(0)
    return encoded(Image.fromarray(random.integers(0, 256, (96, 96, 3), np.uint8)), "PNG")


@pytest.fixture
def many_pictures(picture: Callable[[int], bytes]) -> dict[str, bytes]:
    """Eleven pictures, one unreadable and one with a hostile name, and notes."""
    pictures = {f"{number}.jpg": picture(number % 4) for number in range(10)}
    return pictures | {TITLE: picture(0), "bad.jpg": b"no picture", "notes.txt": b"none of it"}


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SLICE", 0.0)


def upload_zip(visitor: Visitor, pictures: dict[str, bytes]) -> Visitor:
    return visitor.upload(("some.zip", zipped(pictures)))


def wait_until_finished(visitor: Visitor) -> Visitor:
    return visitor.wait_until(
        lambda: "Excel" in visitor.buttons() and "Continue" not in visitor.buttons()
    )


def uploads(host: Settings) -> list[Path]:
    return list(host.home.glob("uploads/*"))


def test_a_zip_without_folders_becomes_a_table_and_three_files(
    visitor: Visitor, host: Settings, many_pictures: dict[str, bytes]
) -> None:
    wait_until_finished(upload_zip(visitor.open(), many_pictures))
    assert "12 pictures" in visitor.text()
    classifier = Classifier.of_backbone(get("efficientnet-lite0"), host)
    answers = [classifier.answer(classifier.load(many_pictures[f"{n}.jpg"])) for n in range(4)]
    verdicts = [classifier.verdict(answer).value for answer in answers]
    doubtful = sum(verdicts[number % 4] == "not sure" for number in (*range(10), 0))
    assert 0 < doubtful < 11
    for count in (
        f"{11 - doubtful} answered",
        f"{doubtful} not sure",
        "1 not readable",
        "1 file is no picture",
    ):
        assert count in visitor.text()
    best, second = classifier.top(answers[3].probabilities, 2)
    sure_prediction = classifier.top(answers[verdicts.index("sure")].probabilities, 1)[0]
    table = visitor.table("File", "Label", "Next label", "Verdict", "Problem")
    assert len(table) == 12
    outcome = "answered" if verdicts[3] == "sure" else verdicts[3]
    assert ("3.jpg", best.label, second.label, outcome) in [row[:4] for row in table]
    (unreadable,) = [row for row in table if row[0] == "bad.jpg"]
    assert unreadable[3] == "not readable"
    assert unreadable[4].startswith("Not a picture")
    assert max(share for (share,) in visitor.table("Probability") if share) > 1, "in per cents"
    rows = list(csv.DictReader(io.StringIO(visitor.download("CSV").decode())))
    assert {row["file"] for row in rows} == {*many_pictures, f"'{TITLE}"} - {TITLE, "notes.txt"}
    lines = [json.loads(line) for line in visitor.download("JSON lines").decode().splitlines()]
    assert [line["label"] for line in lines] == [row["label"] or None for row in rows]
    assert zipfile.is_zipfile(io.BytesIO(visitor.download("Excel")))
    assert sure_prediction.label in " ".join(visitor.bars())
    with zipfile.ZipFile(io.BytesIO(visitor.download("Sorted into folders"))) as archive:
        sorted_names = archive.namelist()
        assert (
            archive.read(next(n for n in sorted_names if n.endswith("/3.jpg")))
            == many_pictures["3.jpg"]
        )
    assert len(sorted_names) == 12
    assert "_not readable/bad.jpg" in sorted_names
    visitor.press("Clear")
    assert uploads(host) == []


def test_more_pictures_than_fit_a_grid_become_a_table(
    visitor: Visitor, many_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUSKER_PREDICT_PICTURES", "5")
    files = [(name, many_pictures[name]) for name in ("2.jpg", "1.jpg", "0.jpg", "3.jpg", "4.jpg")]
    visitor.open().upload(*files)
    assert "Excel" not in visitor.buttons()
    visitor.upload(*files, (TITLE, many_pictures[TITLE]))
    wait_until_finished(visitor)
    assert [row[0] for row in visitor.table("File")] == [*(name for name, _ in files), TITLE]


def test_a_batch_can_be_cancelled_and_continued(
    visitor: Visitor, host: Settings, many_pictures: dict[str, bytes]
) -> None:
    upload_zip(visitor.open(), many_pictures)
    assert "of 13" in visitor.at.get("progress")[0].proto.text
    visitor.press("Cancel")
    assert "Stopped after 1 of 13 files" in visitor.text()
    assert len(visitor.table("File")) == 1
    assert "CSV" in visitor.buttons()
    visitor.rerun()
    assert len(visitor.table("File")) == 1
    visitor.press("Continue")
    wait_until_finished(visitor)
    assert len(visitor.table("File")) == 12


def test_a_refusal_that_passes_loses_nothing(
    visitor: Visitor, many_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Classifier.read

    def refuse(classifier: Classifier, content: bytes | Path) -> tuple[np.ndarray, tuple[str, ...]]:
        if isinstance(content, Path) and content.read_bytes() == many_pictures["3.jpg"]:
            raise NotEnoughResources("This host is busy.")
        return read(classifier, content)

    with monkeypatch.context() as patched:
        patched.setattr(Classifier, "read", refuse)
        upload_zip(visitor.open(), many_pictures)
        visitor.wait_until(lambda: "Try again" in visitor.buttons())
        assert "This host is busy." in visitor.text()
        assert "Stopped after 3 of 13 files" in visitor.text()
        assert len(visitor.table("File")) == 3
        visitor.press("Try again").wait_until(lambda: "Try again" in visitor.buttons())
    visitor.press("Try again")
    wait_until_finished(visitor)
    assert "This host is busy." not in visitor.text()
    assert len(visitor.table("File")) == 12


def test_a_zip_for_which_there_is_room_now_is_read_again(
    visitor: Visitor, many_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotEnoughResources("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr("core.intake.uploads.unpack", refuse)
        upload_zip(visitor.open(), many_pictures)
        assert "The disk is full." in visitor.text()
    visitor.press("Try again")
    wait_until_finished(visitor)
    assert len(visitor.table("File")) == 12


def test_a_batch_is_classified_again_with_another_threshold(visitor: Visitor, run: Run) -> None:
    taught = {f"{number}.jpg": encoded(draw(0, number)) for number in range(3)}
    wait_until_finished(upload_zip(visitor.open("predict", run=run.id), taught))
    assert visitor.table("Verdict", "Index") == [("answered", 0)] * 3, "the first class, too"
    run.annotate(lambda annotations: annotations.model_copy(update={"threshold": 1.0}))
    wait_until_finished(visitor.rerun())
    assert visitor.table("Verdict") == [("not sure",)] * 3


def test_other_pictures_replace_a_batch(
    visitor: Visitor,
    host: Settings,
    many_pictures: dict[str, bytes],
    picture: Callable[[int], bytes],
) -> None:
    upload_zip(visitor.open(), many_pictures)
    assert len(uploads(host)) == 1
    visitor.upload(("one.jpg", picture(0)))
    assert uploads(host) == []
    assert "Cancel" not in visitor.buttons()
    assert visitor.bars()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no zip", "This is not a zip."),
        (zipped({"../out.jpg": b"x"}), "out.jpg"),
        (zipped({"notes.txt": b"none of it"}), "found none among 1 file"),
        (zipped({}), "found none among 0 files"),
    ],
)
def test_a_zip_that_cannot_be_used_says_why(
    visitor: Visitor, host: Settings, content: bytes, sentence: str
) -> None:
    visitor.open().upload(("some.zip", content))
    assert sentence in visitor.rerun().text()
    assert uploads(host) == []


def test_too_many_pictures_are_refused_with_the_name_of_the_limit(
    visitor: Visitor,
    host: Settings,
    many_pictures: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUSKER_BATCH_PICTURES", "12")
    assert host_settings.load().batch_pictures == 12
    upload_zip(visitor.open(), many_pictures)
    assert "Expected at most 12 pictures at once, found 13." in visitor.text()
    assert "TUSKER_BATCH_PICTURES" in visitor.text()
    assert "Try again" not in visitor.buttons(), "it would be refused again"
    assert uploads(host) == []


def test_unsure_and_ood_pictures_are_counted(
    visitor: Visitor, run: Run, picture: Callable[[int], bytes]
) -> None:
    run.annotate(lambda annotations: annotations.model_copy(update={"threshold": 1.0}))
    training_pictures = {
        f"{number}.jpg": encoded(draw(0, number)) for number in range(6)
    }  # it was taught these
    upload_zip(visitor.open("predict", run=run.id), training_pictures | {"noise.png": noise()})
    wait_until_finished(visitor)
    verdicts = [verdict for (verdict,) in visitor.table("Verdict")]
    assert len(verdicts) == 7
    assert verdicts.count("not sure") >= 4
    assert verdicts[-1] == "not like the training pictures"
    assert f"{verdicts.count('not sure')} not sure" in visitor.text()
    assert visitor.bars() == [], "nothing was answered"


def test_a_long_table_is_cut_on_the_page_but_not_in_the_file(
    visitor: Visitor, many_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "SHOWN", 5)
    wait_until_finished(upload_zip(visitor.open(), many_pictures))
    assert len(visitor.table("File")) == 5
    assert "The first 5 of 12" in visitor.text()
    assert visitor.download("CSV").decode().count("\r\n") == 13


def test_a_table_of_another_model_is_still_there_after_a_visit_to_another_page(
    visitor: Visitor, run: Run, many_pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_until_finished(upload_zip(visitor.open().fill("Model", run.id), many_pictures))
    monkeypatch.setattr("core.intake.uploads.unpack", None)  # nothing begins again
    visitor.open("reports").open("predict")
    labels = {label for (label,) in visitor.table("Label")}
    assert labels & set(run.dataset().classes)
