import io
import os
import zipfile
from collections.abc import Callable

import pytest
import streamlit as st

from core import labelling
from core.errors import LimitExceeded
from core.jobs import JobFolder
from core.labelling import LEFT_OUT, Labels, learn
from core.runs import Run
from core.settings import Settings
from tests.pages.conftest import finish_intake
from tests.pages.visitor import Visitor
from tests.shapes import NAMES, draw, encoded, zipped
from ui import text

CLASSES, PER_CLASS = 3, 14


@pytest.fixture(scope="session")
def files() -> list[tuple[str, bytes]]:
    """Pictures whose names begin with their class."""
    return [
        (f"{label}-{number:02}.jpg", encoded(draw(label, number, 96)))
        for number in range(PER_CLASS)
        for label in range(CLASSES)
    ]


def labels_of(visitor: Visitor, host: Settings) -> Labels:
    """The labels of the pile that the visitor looks at, as they are on disk."""
    pile = "".join(visitor.at.query_params["pile"])
    return Labels(labelling.load(host.home / "uploads" / pile))


def actual(labels: Labels, picture: int) -> str:
    return NAMES[int(labels.pile.pictures[picture].name[0])]


def submit(visitor: Visitor, name: str, button: str) -> None:
    """Type a name into the form of the page; its fields count only with its button."""
    (field,) = visitor.at.text_input
    field.set_value(name)
    visitor.press(button)


def answer(visitor: Visitor, labels: Labels, picture: int) -> None:
    """Press the button of a picture's class, or type the name if there is none."""
    name = actual(labels, picture)
    if name in labels.classes:
        visitor.press(name)
    else:
        submit(visitor, name, "Add")


def test_a_pile_becomes_a_run_whose_test_set_was_labelled_picture_by_picture(
    visitor: Visitor,
    host: Settings,
    files: list[tuple[str, bytes]],
    run_of_visitor: Callable[[Visitor], Run],
) -> None:
    visitor.open("train").choose("Unsorted").upload(*files)
    visitor.wait_until(lambda: "Train on these" in visitor.buttons())
    labels = labels_of(visitor, host)
    assert f"Pictures · {CLASSES * PER_CLASS} pictures · 0 labelled · no" in visitor.text()
    assert visitor.button("Train on these").disabled
    while untested := labels.untested():
        answer(visitor, labels, untested[0])
        labels = labels_of(visitor, host)
    assert set(labels.names) == {None, *NAMES[:CLASSES]}

    visitor.press("Next: groups").press("Fewer groups")
    while groups := (labels := labels_of(visitor, host)).unnamed():
        answer(visitor, labels, groups[0][1][0])
    learned = learn(labels)
    assert learned is not None and learned.tested == len(labels.pile.test)
    sentence = (
        f"{learned.correct} of {learned.tested} test pictures correct, 95 % confidence interval"
    )
    assert sentence in visitor.text()

    visitor.press("Next: doubtful pictures")
    first = learned.doubtful(labels)[0]
    assert f"Predicted: {learned.classes[learned.probabilities[first].argmax()]}" in visitor.text()
    visitor.press("Skip")
    visitor.press(actual(labels, learned.doubtful(labels_of(visitor, host))[0]))
    assert sum(labels_of(visitor, host).single) == learned.tested + 1
    visitor.press("Undo")
    assert sum(labels_of(visitor, host).single) == learned.tested

    next_visit = Visitor().open("train").choose("Unsorted")
    next_visit.press(f"Continue with Pictures · {CLASSES * PER_CLASS} pictures")
    assert sentence in next_visit.text(), "nothing is lost by a new visit"

    with zipfile.ZipFile(io.BytesIO(visitor.download("Download class folders"))) as archive:
        assert len(archive.namelist()) == CLASSES * PER_CLASS
    visitor.press("Train on these").wait_until(lambda: "Start training" in visitor.buttons())
    assert "has its own test set" in visitor.text()
    assert f"{learned.tested} test pictures one by one" in visitor.text()
    visitor.choose("Quick", "quick").press("Start training")
    dataset = run_of_visitor(visitor).dataset()
    tested = {labels.pile.pictures[picture].sha256 for picture in labels.pile.test}
    assert {example.sha256 for example in dataset.of("test")} == tested
    assert "pile" not in visitor.at.query_params, "the link of a run leads to no pictures"


def test_single_pictures_are_moved_and_classes_renamed(
    visitor: Visitor, host: Settings, files: list[tuple[str, bytes]]
) -> None:
    source = host.home / "pile.zip"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(zipped(dict(files)))
    path = host.home / "uploads" / ("0123456789abcdef" * 2)
    pile = labelling.ingest(source, "pile", path, host, lambda *_: None)
    finish_intake(JobFolder(path))
    labels = Labels(pile)
    *circles, last = pile.others.tolist()
    labels.label(circles, "circel", single=False)
    labels.label([last], "square", single=False)
    labels.label(pile.test, LEFT_OUT, single=True)
    visitor.open("train", pile=path.name).choose("Classes")
    assert f"{len(pile.others)} labelled, {len(pile.test)} left out" in visitor.text()
    submit(visitor, "circle", "Rename")
    assert labels_of(visitor, host).classes == ["circle", "square"]
    first, second = labels_of(visitor, host).of("circle")[:2]
    for picture in (first, second):
        visitor.fill(text.plain(pile.pictures[picture].name), True)
    visitor.fill("Move the chosen pictures to", "con").press("Move 2 pictures")
    assert "Move 2 pictures" in visitor.buttons(), "they are still chosen"
    visitor.fill("Move the chosen pictures to", "square").press("Move 2 pictures")
    assert labels_of(visitor, host).of("square") == [first, second, last]
    submit(visitor, "con", "Rename")
    assert "Expected a name that a folder can have, found 'con'" in visitor.text()


def test_a_zip_without_class_folders_is_not_a_dead_end(
    visitor: Visitor,
    host: Settings,
    files: list[tuple[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise LimitExceeded("No room.")

    visitor.open("train").upload(
        ("photos.zip", zipped({f"DCIM/{name}": content for name, content in files}))
    )
    visitor.wait_until(lambda: "At least two classes are needed" in visitor.text())
    with monkeypatch.context() as patched:
        patched.setattr("core.intake.uploads.store", refuse)
        assert "No room." in visitor.press("Group and label these pictures here").text()
    visitor.press("Group and label these pictures here")
    visitor.wait_until(lambda: "Train on these" in visitor.buttons())
    assert f"photos · {CLASSES * PER_CLASS} pictures · 0 labelled · no" in visitor.text()
    assert "upload" not in visitor.at.query_params
    visitor.press("Choose other pictures")
    assert visitor.at.file_uploader


def test_too_few_pictures_say_so(visitor: Visitor, files: list[tuple[str, bytes]]) -> None:
    visitor.open("train").choose("Unsorted").upload(("photos.zip", zipped(dict(files[:5]))))
    visitor.wait_until(lambda: "found 5 in photos" in visitor.text())
    visitor.press("Choose other pictures")
    assert visitor.at.file_uploader


def test_a_pile_that_cannot_be_read_does_not_hide_the_others_or_stay_because_it_is_listed(
    visitor: Visitor, host: Settings, files: list[tuple[str, bytes]]
) -> None:
    for name in ("healthy.zip", "damaged.zip"):
        other = pile_of(Visitor(), zipped(dict(files)), name)
    assert "Train on these" in other.open("reports").open("train").buttons(), "it is still chosen"
    (damaged,) = [
        path for path in (host.home / "uploads").glob("*") if labelling.load(path).name == "damaged"
    ]
    (damaged / "features.npy").unlink()
    st.cache_resource.clear()
    last_used = damaged.stat().st_mtime - 600
    os.utime(damaged, (last_used, last_used))
    visitor.open("train").choose("Unsorted")
    offered = [label for label in visitor.buttons() if label.startswith("Continue with")]
    assert len(offered) == 1 and "healthy" in offered[0]
    assert damaged.stat().st_mtime == pytest.approx(last_used)


def test_a_group_that_is_split_twice_by_one_key_is_shown_once(
    visitor: Visitor, host: Settings, files: list[tuple[str, bytes]]
) -> None:
    pile_of(visitor, zipped(dict(files)), "pile.zip").choose("Groups").press("Fewer groups")
    while "Split" not in visitor.buttons():
        visitor.press("Skip")
    before = len(labels_of(visitor, host).groups)
    visitor.press_twice("Split")
    groups = labels_of(visitor, host).groups
    assert len(groups) == len(set(groups)) == before + 1


def pile_of(visitor: Visitor, content: bytes, name: str) -> Visitor:
    """A visitor whose archive has become a pile."""
    visitor.open("train").choose("Unsorted").upload((name, content))
    return visitor.wait_until(lambda: "Train on these" in visitor.buttons())
