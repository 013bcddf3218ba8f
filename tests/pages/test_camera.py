"""What is shown on Train stays in memory until it is kept; for the camera see the browser tests."""

from collections.abc import Callable

import pytest

from core import runs
from core.capture.session import CaptureSession
from core.errors import LimitExceeded
from core.runs.run import Run
from core.settings import Settings
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded


def _files(label: int, count: int) -> list[tuple[str, bytes]]:
    return [(f"{i}.jpg", encoded(draw(label, i, 160))) for i in range(count)]


def _capture_two_classes(visitor: Visitor, count: int = 8) -> Visitor:
    visitor.open("train").choose("Camera")
    for label, box in enumerate(visitor.at.selectbox[0].options):
        visitor.at.selectbox[0].select(box)
        visitor.rerun().upload(*_files(label, count))
    return visitor


@pytest.mark.slow
def test_captured_pictures_stay_in_memory_until_they_are_trained_on(
    visitor: Visitor,
    dispatchers: None,
    host: Settings,
    run_of_visitor: Callable[[Visitor], Run],
) -> None:
    visitor.open("train").choose("Camera")
    assert "Nothing is written to disk until you save it" in visitor.text()
    assert visitor.button("Train and save").disabled
    before = sorted(host.home.rglob("*"))
    _capture_two_classes(visitor)
    assert "16 pictures" in visitor.text()
    assert sorted(host.home.rglob("*")) == before
    visitor.press("Train and save")
    visitor.wait_until(lambda: "run" in visitor.at.query_params)
    run = run_of_visitor(visitor)
    assert run.config().preset == "quick"
    dataset = run.dataset()
    assert dataset.classes == ("Class 1", "Class 2")
    assert {example.split for example in dataset.examples} == {"train", "validation", "test"}
    visitor.wait_until(lambda: "Read the report" in visitor.buttons())
    assert runs.get(host, run.id).report().accuracy.value > 0.5


def test_captured_pictures_can_be_trained_on_with_other_settings(visitor: Visitor) -> None:
    _capture_two_classes(visitor).press("Choose how to train")
    visitor.wait_until(lambda: "Start training" in visitor.buttons())
    assert "has its own test set" in visitor.text()
    visitor.press("Choose other pictures").choose("Camera")
    assert "16 pictures" in visitor.text(), "it can be shown more"


def test_the_camera_opens_when_the_address_names_deleted_pictures(visitor: Visitor) -> None:
    visitor.open("train", upload="0" * 32)
    assert "no longer here" in visitor.text()
    visitor.choose("Camera")
    assert "Train and save" in visitor.buttons()
    assert "upload" not in visitor.at.query_params


def test_captured_pictures_can_be_downloaded_and_deleted(visitor: Visitor) -> None:
    _capture_two_classes(visitor, 3)
    button = next(b for b in visitor.at.get("download_button") if "Download" in b.proto.label)
    assert not button.proto.disabled
    visitor.press("Discard 6 pictures")
    assert "Captured pictures are in the memory" in visitor.text()


def test_unreadable_and_repeated_files_are_named(visitor: Visitor) -> None:
    visitor.open("train").choose("Camera")
    content = encoded(draw(0, 1, 160))
    visitor.upload(("mug.jpg", content), ("*notes*.txt", b"no picture"), ("again.jpg", content))
    text = visitor.text()
    assert "*notes*.txt: Not a picture" in text
    assert "again.jpg: left out, nearly the same" in text
    assert "1 picture," in text


def test_files_go_to_the_chosen_class_after_it_was_renamed(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[CaptureSession] = []
    clear = CaptureSession.clear
    monkeypatch.setattr(CaptureSession, "clear", lambda self: (sessions.append(self), clear(self)))
    visitor.open("train").choose("Camera")
    (session,) = sessions
    visitor.at.selectbox[0].select("Class 2")
    visitor.rerun()
    second = session.classes[1]
    session.rename(second.id, "mug")
    session.add_class()
    visitor.rerun()
    assert visitor.at.selectbox[0].value == "mug"
    visitor.upload(*_files(0, 2))
    assert [len(captured_class.pictures) for captured_class in session.classes] == [0, 2, 0]
    session.remove_class(second.id)
    assert visitor.rerun().at.selectbox[0].value == "Class 1"


def test_a_refusal_to_save_is_shown_at_the_camera_only(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LimitExceeded("No room for what was shown.")

    _capture_two_classes(visitor)
    monkeypatch.setattr("ui.train.camera.save", refuse)
    visitor.press("Train and save")
    assert "No room for what was shown." in visitor.text()
    assert not visitor.choose("Zip").at.error


def test_a_single_burst_per_class_gets_a_warning(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = CaptureSession.add
    # Files count as bursts of their own; these come as if from the camera.
    monkeypatch.setattr(
        CaptureSession, "add", lambda self, kind, files, _: add(self, kind, files, 1)
    )
    _capture_two_classes(visitor)
    assert "Class 1 and Class 2: captured only once" in visitor.text()
    assert "the figures are too good" in visitor.text()
