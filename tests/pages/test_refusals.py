"""What could not be done is said where it was asked for, and nowhere else."""

import errno
import os
from collections.abc import Callable

import pytest
from filelock import FileLock

from core.errors import LimitExceeded
from core.intake import choices
from core.intake.uploads import Upload
from core.runs import Run
from core.system import files
from tests.pages.test_label_issues import add_label_issues, issue_fields
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, zipped
from ui import widgets

FULL = "The queue is full."
NO_SPACE = os.strerror(errno.ENOSPC)


def _refuse(*_: object, **__: object) -> None:
    raise LimitExceeded(FULL)


def _full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, NO_SPACE)


def test_a_refusal_about_one_run_is_not_shown_for_another(
    visitor: Visitor, run_in: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run_in(), run_in()
    monkeypatch.setattr("core.export.on_demand.request", _refuse)
    visitor.open("reports", run=first.id, view="Export")
    assert FULL in visitor.press_key("prepare onnx").text()
    assert FULL not in visitor.open("reports", run=second.id, view="Export").text()
    assert FULL in visitor.open("reports", run=first.id, view="Export").text()


@pytest.mark.parametrize("button", ["Undo", "Start training", "Compare backbones"])
def test_a_change_of_an_upload_that_was_deleted_meanwhile_is_no_bug(
    visitor: Visitor, upload: Upload, button: str
) -> None:
    name = upload.intake().dataset.classes[0]
    left_out = choices.edited([name], {0: {"Include": False}})
    choices.change(upload.path, lambda current: current.changing(*left_out))
    visitor.open("train", upload=upload.id)
    files.remove(upload.path)
    visitor.press(button)
    assert "These pictures are no longer here" in visitor.text()
    assert "Delete runs" not in visitor.text()
    assert "run" not in visitor.at.query_params


def test_a_choice_that_cannot_be_stored_says_so(
    visitor: Visitor, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_label_issues(run, 1)
    visitor.open("reports", run=run.id, view="Certainty")
    (slider,) = visitor.at.select_slider
    slider.set_value(run.report().certainty.choices[-1].target_coverage)
    visitor.rerun()
    (label,) = (label for label in visitor.buttons() if label.startswith("Say “not sure” below"))
    with monkeypatch.context() as patched:
        patched.setattr("core.runs.annotations.JsonFile.write", _full_disk)
        assert NO_SPACE in visitor.press(label).text()
        visitor.choose("Data")
        assert NO_SPACE not in visitor.text()
        issue_fields(visitor)[0].set_value("")
        assert NO_SPACE in visitor.rerun().text()


def test_choices_that_another_process_is_changing_are_not_changed_now(
    visitor: Visitor, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = choices.edited(upload.intake().dataset.classes, {0: {"Include": False}})
    choices.change(upload.path, lambda current: current.changing(*left_out))
    monkeypatch.setattr(choices, "LOCK_SECONDS", 0.1)
    visitor.open("train", upload=upload.id)
    with FileLock(upload.path / choices.LOCK):
        visitor.press("Undo")
    assert widgets.BUSY in visitor.text()
    assert choices.LOCK not in visitor.text()
    visitor.press("Undo")
    assert widgets.BUSY not in visitor.text()
    assert choices.read(upload.path).applied == ()


@pytest.mark.parametrize("trouble", [_full_disk, _refuse])
def test_a_page_that_cannot_be_drawn_to_its_end_says_why_and_can_be_used_again(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, trouble: Callable[..., None]
) -> None:
    pictures = {
        f"{name}/{number}.png": encoded(draw(label, seed=number))
        for label, name in enumerate(("Daisy", "rose", "daisy"))
        for number in range(4)
    }
    with monkeypatch.context() as patched:
        patched.setattr(choices, "change", trouble)
        visitor.open("train").upload(("twice.zip", zipped(pictures)))
        visitor.wait_until(lambda: NO_SPACE in visitor.text() or FULL in visitor.text())
        assert "Start training" not in visitor.buttons()
    assert "Merge into Daisy: done." in visitor.rerun().text()
