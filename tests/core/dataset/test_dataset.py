"""Folders become classes, in all the ways in which people lay them out."""

import hashlib
import io
import threading
import time
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import archive, dataset, intake
from core.dataset import reading
from core.errors import BadArchive, BadDataset, Cancelled, LimitExceeded
from core.settings import Settings

LIMITS = Settings()


def picture(seed: int, kind: str = "PNG", size: int = 24) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def zipped(folder: Path, names: list[str], **others: bytes) -> Path:
    path = folder / "flowers.zip"
    with zipfile.ZipFile(path, "w") as target:
        for seed, name in enumerate(names):
            target.writestr(name, picture(seed))
        for name, content in others.items():
            target.writestr(name, content)
    return path


def read(folder: Path, names: list[str], limits: Settings = LIMITS) -> dataset.Dataset:
    return dataset.read(zipped(folder, names), folder / "pictures", limits)


def placed(found: dataset.Dataset) -> dict[str, tuple[str, str | None]]:
    return {e.name: (found.classes[e.label], e.split) for e in found.examples}


def test_a_zip_of_class_folders_is_read(tmp_path):
    found = read(tmp_path, ["tulip/1.png", "rose/1.png", "rose/2.png"])
    assert found.classes == ("rose", "tulip")
    assert (found.count(0), found.count(1)) == (2, 1)
    assert not found.predefined
    example = found.examples[0]
    stored = (tmp_path / "pictures" / example.path).read_bytes()
    assert stored == picture(0)
    assert example.sha256 == hashlib.sha256(stored).hexdigest()
    assert (example.width, example.height, example.format) == (24, 24, "PNG")
    assert example.size == len(stored)


@pytest.mark.parametrize("top", ["flowers", "a/b/c", "train"])
def test_folders_that_hold_everything_are_peeled_off(top, tmp_path):
    found = read(tmp_path, [f"{top}/rose/1.png", f"{top}/tulip/1.png"])
    assert found.classes == ("rose", "tulip")


def test_of_several_levels_the_last_is_the_class(tmp_path):
    found = read(tmp_path, ["cats/tabby/1.png", "cats/manx/1.png", "dogs/pug/1.png"])
    assert found.classes == ("manx", "pug", "tabby")


def test_last_folders_of_equal_name_are_told_apart_by_their_parents(tmp_path):
    names = ["cat/small/1.png", "dog/small/1.png", "dog/large/1.png"]
    assert read(tmp_path, names).classes == ("cat/small", "dog/small", "large")


@pytest.mark.parametrize(
    ("training", "checking", "testing"),
    [("train", "val", "test"), ("Training", "VALIDATION", "Testing"), ("train", "valid", "TEST")],
)
def test_a_predefined_split_is_used_as_it_stands(training, checking, testing, tmp_path):
    parts = {training: "train", checking: "validation", testing: "test"}
    names = [f"top/{part}/{c}/1.png" for part in parts for c in ("rose", "tulip")]
    found = read(tmp_path, names)
    assert found.predefined
    assert found.classes == ("rose", "tulip")
    assert placed(found) == {n: (n.split("/")[2], parts[n.split("/")[1]]) for n in names}


def test_without_a_test_set_the_validation_set_is_the_test(tmp_path):
    found = read(tmp_path, [f"{p}/{c}/1.png" for p in ("train", "val") for c in "ab"])
    assert found.predefined
    assert [e.split for e in found.examples] == ["train", "train", "test", "test"]


def test_a_test_folder_without_classes_is_left_out(tmp_path):
    found = read(tmp_path, ["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"])
    assert found.classes == ("a", "b")
    assert not found.predefined
    assert [s.name for s in found.skipped] == ["test/1.png", "test/2.png"]


def test_a_class_may_be_called_train(tmp_path):
    found = read(tmp_path, ["train/1.png", "bus/1.png", "test/1.png"])
    assert found.classes == ("bus", "test", "train")
    assert not found.predefined


def test_classes_that_are_never_taught_are_left_out(tmp_path):
    found = read(tmp_path, [f"train/{c}/1.png" for c in "ab"] + ["val/a/1.png", "val/x/1.png"])
    assert found.classes == ("a", "b")
    assert found.skipped[0].name == "val/x/1.png"


def test_what_lies_beside_the_class_folders_is_left_out(tmp_path):
    found = read(tmp_path, ["a/1.png", "b/1.png", "cover.png"])
    assert [s.name for s in found.skipped] == ["cover.png"]


def test_wrong_and_mixed_case_extensions_do_not_matter(tmp_path):
    found = read(tmp_path, ["a/1.JPG", "a/2.txt", "b/3", "b/4.PnG"])
    assert len(found.examples) == 4


def test_what_is_no_picture_is_listed_with_the_reason(tmp_path):
    path = zipped(
        tmp_path,
        ["a/1.png", "b/1.png"],
        **{"a/notes.txt": b"hello", "b/cut.png": picture(9)[:300], "a/.DS_Store": b"x"},
    )
    found = dataset.read(path, tmp_path / "pictures", LIMITS)
    reasons = {s.name: s.reason for s in found.skipped}
    assert reasons["a/notes.txt"].startswith("Not a picture")
    assert reasons["b/cut.png"].startswith("Damaged")
    assert reasons["a/.DS_Store"] == archive.CLUTTERED
    assert len(found.examples) == 2


def test_names_are_kept_as_they_are_given(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Café")
    names = [
        "**bold**/1.png",
        "<b onclick=x>/1.png",
        "=1+1/1.png",
        "🌻/1.png",
        "\u202eevil/1.png",
        "ü" * 127 + "/1.png",
        f"{decomposed}/1.png",
        "Café/2.png",
    ]
    found = read(tmp_path, names)
    assert [e.name for e in found.examples] == names
    assert set(found.classes) == {name.split("/")[0] for name in names[:-1]}
    assert placed(found)["Café/2.png"][0] == decomposed


@pytest.mark.parametrize("names", [["1.png", "2.png", "3.png"]])
def test_no_class_folders_is_said_with_what_was_found(names, tmp_path):
    with pytest.raises(BadDataset, match=r"No class folders in flowers\.zip\. Found 3 pictures"):
        read(tmp_path, names)


def test_a_single_class_is_refused(tmp_path):
    with pytest.raises(BadDataset, match="one, rose"):
        read(tmp_path, ["flowers/rose/1.png", "flowers/rose/2.png"])


def test_no_pictures_at_all_are_refused(tmp_path):
    path = zipped(tmp_path, [], **{"a/1.txt": b"x", "b/1.txt": b"x"})
    with pytest.raises(BadDataset, match="No pictures"):
        dataset.read(path, tmp_path / "pictures", LIMITS)


@pytest.mark.parametrize(
    ("limits", "variable"),
    [
        ({"classes": 2}, "TUSKER_CLASSES"),
        ({"pictures": 8}, "TUSKER_PICTURES"),
        ({"pictures_per_class": 4}, "TUSKER_PICTURES_PER_CLASS"),
    ],
)
def test_dataset_limits_are_the_settings(limits, variable, tmp_path):
    names = [f"{c}/{i}.png" for c, count in (("a", 5), ("b", 2), ("c", 2)) for i in range(count)]
    with pytest.raises(LimitExceeded, match=f"{variable}\\."):
        read(tmp_path, names, Settings(**limits))


def test_a_folder_is_read_in_place_and_links_are_not_followed(tmp_path):
    source = tmp_path / "source"
    for seed, name in enumerate(["a/1.png", "b/1.png", ".hidden/1.png"]):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_bytes(picture(seed))
    (tmp_path / "outside.png").write_bytes(picture(9))
    (source / "a/link.png").symlink_to(tmp_path / "outside.png")
    found = dataset.read(source, tmp_path / "pictures", LIMITS)
    assert [Path(e.path) for e in found.examples] == [source / "a/1.png", source / "b/1.png"]
    assert {s.name for s in found.skipped} == {"a/link.png", ".hidden/1.png"}


def test_progress_is_told_and_may_cancel(tmp_path):
    path = zipped(tmp_path, [f"{c}/{i}.png" for c in "ab" for i in range(60)])
    told: list[tuple[str, int, int]] = []
    dataset.read(path, tmp_path / "1", LIMITS, lambda *step: told.append(step))
    assert told[-1] == ("Looking at pictures", 120, 120)

    def cancel(what: str, done: int, total: int) -> None:
        if what == "Looking at pictures":
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        dataset.read(path, tmp_path / "2", LIMITS, cancel)
    assert threading.active_count() < 20


def test_looking_at_pictures_ends_at_the_limit_of_time(tmp_path, monkeypatch):
    path = zipped(tmp_path, ["a/1.png", "b/1.png"])
    start = time.monotonic()
    found = archive.extract(path, tmp_path / "pictures", LIMITS)
    with pytest.raises(LimitExceeded, match="TUSKER_INTAKE_SECONDS"):
        reading._look_at(found.members, None, LIMITS, deadline=start, progress=None)


def test_an_intake_is_kept_and_read_again(tmp_path):
    path = zipped(tmp_path, [f"{c}/{i}.png" for c in "ab" for i in range(4)])
    taken = intake.take_in(path, "My flowers", tmp_path / "intake", LIMITS)
    assert taken.dataset.name == "My flowers"
    assert intake.load(tmp_path / "intake") == taken
    for example in taken.dataset.examples:
        with Image.open(intake.thumbnail(tmp_path / "intake", example)) as small:
            assert small.format == "JPEG"
        assert (intake.pictures(tmp_path / "intake") / example.path).is_file()


def test_an_unfinished_intake_is_not_read(tmp_path):
    with pytest.raises(BadDataset):
        intake.load(tmp_path)
    (tmp_path / "upload.zip").write_bytes(b"no zip")
    with pytest.raises(BadArchive):
        intake.take_in(tmp_path / "upload.zip", "x", tmp_path / "intake", LIMITS)
    with pytest.raises(BadDataset):
        intake.load(tmp_path / "intake")
