"""Changes of classes and pictures on the Train page, before anything is trained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from filelock import FileLock, Timeout
from PIL import Image

from core import images, intake
from core.checks import Remedy
from core.dataset import Dataset
from core.errors import BadDataset
from core.intake import choices, uploads
from core.intake.uploads import Upload
from core.settings import Settings
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, shapes_zip, zipped
from ui import text


def picture(label: int, number: int) -> bytes:
    return encoded(draw(label, size=64, seed=1000 * label + number))


def of_12_bits(label: int, number: int) -> bytes:
    grey = np.asarray(draw(label, size=64, seed=1000 * label + number).convert("L"), np.uint16)
    return encoded(Image.fromarray(16 * grey), "PNG")


def zip_of(**classes: int) -> bytes:
    return zipped(
        {
            f"{name}/{index}.png": picture(label, index)
            for label, (name, number) in enumerate(classes.items())
            for index in range(number)
        }
    )


def resolved(visitor: Visitor, host: Settings) -> Dataset:
    upload = uploads.get(host, visitor.at.query_params["upload"])
    stored_choices = choices.read(upload.path)
    return intake.apply_remedies(upload.path, stored_choices.remedies, host).dataset


def counts(dataset: Dataset) -> dict[str, int]:
    return dict(zip(dataset.classes, dataset.counts(), strict=True))


def test_an_upload_of_one_class_gets_a_second_one_and_pictures_are_moved(
    visitor: Visitor, host: Settings
) -> None:
    visitor.open("train").upload(("flowers.zip", zip_of(rose=5)))
    visitor.wait_until(lambda: "At least two classes are needed" in visitor.text())
    assert "Group and label these pictures here" in visitor.buttons()
    assert "Start training" not in visitor.buttons()

    visitor.fill("To the class", "tulip")
    visitor.upload(*((f"{number}.png", of_12_bits(1, number)) for number in range(4)))
    visitor.wait_until(lambda: "2 classes · 9 pictures" in visitor.text())
    assert "Add 4 pictures to tulip: done." in visitor.text()
    assert "Start training" in visitor.buttons()

    examples = resolved(visitor, host).examples
    folder = uploads.get(host, visitor.at.query_params["upload"]).path
    added = images.decode(intake.thumbnail(folder, examples[-1]), limits=host)
    assert added.max() < 25, "not stretched, as the pictures before them are not"
    names = [example.name for example in examples]
    moved = next(box for box in visitor.at.checkbox if box.key.endswith(names[0]))
    assert moved.label == text.plain(names[0].rpartition("/")[2])
    moved.check()
    visitor.rerun().fill("Move the chosen pictures to", "con").press("Move 1 picture")
    assert "Expected a name that a folder can have, found 'con'" in visitor.text()
    assert "Move 1 picture" in visitor.buttons(), "it is still chosen"
    visitor.fill("Move the chosen pictures to", "tulip").press_twice("Move 1 picture")
    assert counts(resolved(visitor, host)) == {"rose": 4, "tulip": 5}
    assert visitor.text().count("Move 1 picture to tulip: done.") == 1

    later = Visitor().open("train", upload=visitor.at.query_params["upload"])
    assert "Move 1 picture to tulip: done." in later.text(), "a reload forgets nothing"
    later.press_key("undo 0")
    assert "Start training" not in later.buttons()
    assert counts(resolved(later, host)) == {"rose": 4, "tulip": 1}


def test_added_pictures_that_cannot_be_used_are_refused_and_nothing_else_is_lost(
    visitor: Visitor, upload: Upload
) -> None:
    visitor.open("train", upload=upload.id)
    before = visitor.text()
    visitor.fill("To the class", "tulip").upload(("notes.txt", b"no picture"))
    visitor.wait_until(lambda: "No readable pictures" in visitor.text())
    assert "Start training" in visitor.buttons()
    assert "4 classes" in before and "4 classes" in visitor.text()


def test_an_edit_of_the_table_is_applied_once_although_it_is_reported_with_the_next(
    visitor: Visitor, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {0: {"Include": False}}
    reports = [first, first | {1: {"Class": "b"}}]

    def table(*_: Any, key: str, on_change: Callable[..., None], args: Any, **__: Any) -> None:
        def edit() -> None:
            for report in reports:
                st.session_state[key] = {"edited_rows": report}
                on_change(*args)

        st.button("Edit the table", on_click=edit)

    before = len(choices.read(upload.path).applied)
    monkeypatch.setattr(st, "data_editor", table)
    visitor.open("train", upload=upload.id).press("Edit the table")
    made = choices.read(upload.path).remedies[before:]
    assert [remedy.kind for remedy in made] == ["leave_out", "rename"]


def test_pictures_are_added_while_nobody_else_changes_the_choices(
    visitor: Visitor, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[bool] = []
    add = intake.add

    def add_and_look(*args: Any) -> Remedy:
        with pytest.raises(Timeout), FileLock(upload.path / choices.LOCK, timeout=0):
            pass
        locked.append(True)
        return add(*args)

    monkeypatch.setattr(intake, "add", add_and_look)
    visitor.open("train", upload=upload.id).fill("To the class", "tulip")
    visitor.upload(("one.png", picture(1, 1)))
    visitor.wait_until(lambda: "Add 1 picture to tulip: done." in visitor.text())
    assert locked == [True]


def test_a_group_that_another_tab_chooses_during_the_checks_is_kept(
    visitor: Visitor, host: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Upload.intake

    def read_while_another_tab_chooses(upload: Upload) -> intake.Intake:
        group = {"group": "prefix"}
        choices.change(upload.path, lambda current: current.model_copy(update=group))
        return read(upload)

    monkeypatch.setattr(Upload, "intake", read_while_another_tab_chooses)
    visitor.open("train").upload(("flowers.zip", zip_of(Daisy=4, rose=4, daisy=4)))
    visitor.wait_until(lambda: "Merge into Daisy: done." in visitor.text())
    path = uploads.get(host, visitor.at.query_params["upload"]).path
    assert choices.read(path).group == "prefix"


def test_an_edited_table_renames_merges_and_leaves_out(tmp_path: Path, settings: Settings) -> None:
    folder = tmp_path / "upload"
    imported = intake.ingest(
        shapes_zip(tmp_path, classes=4, per_class=4), "Shapes", folder, settings
    )
    first, second, third, fourth = imported.dataset.classes
    edits = {
        0: {"Class": "  Disc "},
        1: {"Class": third},
        3: {"Include": False},
        2: {"Class": third},
    }
    remedies = choices.edited(imported.dataset.classes, edits)
    assert [remedy.label for remedy in remedies] == [
        f"Rename {first} to Disc",
        f"Merge {second} into {third}",
        f"Leave out {fourth}",
    ]
    changed = choices.Choices().changing(*remedies)
    after = intake.apply_remedies(folder, changed.remedies, settings).dataset
    assert counts(after) == {"Disc": 4, third: 8}
    assert len(after.skipped) == 4
    undone = intake.apply_remedies(
        folder, changed.without(changed.applied[1]).remedies, settings
    ).dataset
    assert counts(undone) == {"Disc": 4, second: 4, third: 4}
    with pytest.raises(BadDataset, match="folder"):
        choices.edited(imported.dataset.classes, {0: {"Class": "a/b"}})
