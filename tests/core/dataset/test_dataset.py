import errno
import hashlib
import os
import threading
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core import dataset
from core.archive import sources
from core.archive.inspection import CLOSED, CLUTTER, LINKED_FOLDER
from core.archive.unpacking import NESTED, OTHER_FILE, SPREADSHEET
from core.dataset import Dataset
from core.errors import BadDataset, Cancelled, LimitExceeded
from core.settings import Settings
from tests.core.dataset.layouts import picture

LIMITS = Settings()


def zipped(folder: Path, names: list[str], others: dict[str, bytes] | None = None) -> Path:
    path = folder / "flowers.zip"
    with zipfile.ZipFile(path, "w") as target:
        for seed, name in enumerate(names):
            target.writestr(name, picture(seed))
        for name, content in (others or {}).items():
            target.writestr(name, content)
    return path


def read(folder: Path, names: list[str], limits: Settings = LIMITS) -> dataset.Dataset:
    return dataset.read(zipped(folder, names), folder / "pictures", limits).dataset


def test_a_zip_of_class_folders_is_read(tmp_path):
    result = read(tmp_path, ["tulip/1.png", "rose/1.png", "rose/2.png"])
    assert result.classes == ("rose", "tulip")
    assert result.counts() == [2, 1]
    assert not result.predefined
    example = result.examples[0]
    stored = (tmp_path / "pictures" / example.path).read_bytes()
    assert stored == picture(0)
    assert example.sha256 == hashlib.sha256(stored).hexdigest()
    assert (example.width, example.height, example.format) == (24, 24, "PNG")
    assert example.size == len(stored)


@pytest.mark.parametrize(
    ("names", "classes", "skipped"),
    [
        pytest.param(["f/rose/1.png", "f/tulip/1.png"], "rose tulip", "", id="one top folder"),
        pytest.param(["train/x/1.png", "train/y/1.png"], "x y", "", id="train alone"),
        pytest.param(
            ["train/a/1.png", "train/b/1.png", "test/1.png", "test/2.png"],
            "a b",
            "test/1.png test/2.png",
            id="a test folder without classes does not vanish silently",
        ),
        pytest.param(
            ["a/1.png", "b/1.png", "cover.png"], "a b", "cover.png", id="beside the classes"
        ),
        pytest.param(["a/1.JPG", "a/2.txt", "b/3", "b/4.PnG"], "a b", "", id="wrong extensions"),
    ],
)
def test_classes_are_inferred_from_folders(names, classes, skipped, tmp_path):
    result = read(tmp_path, names)
    assert result.classes == tuple(classes.split())
    assert [s.name for s in result.skipped] == skipped.split()
    assert not result.predefined


def test_archives_and_tables_in_a_folder_are_named_as_in_an_archive(tmp_path):
    folder = tmp_path / "flowers"
    folder.mkdir()
    (folder / "train.zip").write_bytes(zipped(tmp_path, ["a/1.png"]).read_bytes())
    with pytest.raises(BadDataset, match=r"contains an archive, train\.zip"):
        dataset.read(folder, tmp_path / "pictures", LIMITS)
    for name in ("a/1.png", "b/1.png"):
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(picture(len(name) + ord(name[0])))
    for name in ("labels.xlsx", "notes.txt"):
        (folder / name).write_bytes(b"hello")
    result = dataset.read(folder, tmp_path / "pictures", LIMITS).dataset
    reasons = {s.name: s.reason for s in result.skipped}
    assert reasons["labels.xlsx"] == SPREADSHEET and reasons["train.zip"] == NESTED
    assert reasons["notes.txt"] == OTHER_FILE


def test_unreadable_files_are_listed_with_the_reason(tmp_path):
    others = {"a/notes.txt": b"hello", "b/cut.png": picture(9)[:300], "a/.DS_Store": b"x"}
    path = zipped(tmp_path, ["a/1.png", "b/1.png"], others)
    result = dataset.read(path, tmp_path / "pictures", LIMITS).dataset
    reasons = {s.name: s.reason for s in result.skipped}
    assert reasons["a/notes.txt"].startswith("Not a picture")
    assert reasons["b/cut.png"].startswith("Damaged")
    assert reasons["a/.DS_Store"] == CLUTTER
    assert len(result.examples) == 2


def test_names_are_kept_unchanged(tmp_path):
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
    result = read(tmp_path, names)
    assert [e.name for e in result.examples] == names
    assert set(result.classes) == {name.split("/")[0] for name in names[:-1]}
    assert result.classes[result.examples[-1].label] == decomposed


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1.png", "2.png", "3.png"], r"No class folders in flowers\.zip\. Found 3 pictures"),
        (["flowers/rose/1.png", "flowers/rose/2.png"], "one, rose"),
        ([], "No readable pictures"),
    ],
)
def test_fewer_than_two_classes_are_refused(names, words, tmp_path):
    path = zipped(tmp_path, names, {"a/1.txt": b"x", "b/1.txt": b"x"})
    with pytest.raises(BadDataset, match=words):
        dataset.read(path, tmp_path / "pictures", LIMITS)


@pytest.mark.parametrize(
    ("limits", "variable"),
    [
        ({"classes": 2}, "TUSKER_CLASSES"),
        ({"pictures": 8}, "TUSKER_PICTURES"),
        ({"pictures_per_class": 4}, "TUSKER_PICTURES_PER_CLASS"),
    ],
)
def test_the_limits_are_the_settings(limits, variable, tmp_path):
    names = [f"{c}/{i}.png" for c, count in (("a", 5), ("b", 2), ("c", 2)) for i in range(count)]
    with pytest.raises(LimitExceeded, match=f"{variable}\\."):
        read(tmp_path, names, Settings(**limits))


def test_a_folder_is_read_in_place_without_following_links(tmp_path):
    source = tmp_path / "source"
    for seed, name in enumerate(["a/1.png", "b/1.png", ".hidden/1.png"]):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_bytes(picture(seed))
    (tmp_path / "outside.png").write_bytes(picture(9))
    (source / "a/link.png").symlink_to(tmp_path / "outside.png")
    result = dataset.read(source, tmp_path / "pictures", LIMITS).dataset
    assert [Path(e.path) for e in result.examples] == [source / "a/1.png", source / "b/1.png"]
    assert {s.name for s in result.skipped} == {"a/link.png", ".hidden/1.png"}


def test_links_to_class_folders_are_listed_and_not_called_empty(tmp_path: Path) -> None:
    source, elsewhere = tmp_path / "source", tmp_path / "elsewhere"
    for seed, path in enumerate([source / "a/1.png", source / "b/1.png", elsewhere / "1.png"]):
        path.parent.mkdir(parents=True)
        path.write_bytes(picture(seed))
    for name in ("rose", ".cache"):
        (source / name).symlink_to(elsewhere, target_is_directory=True)
    result = dataset.read(source, tmp_path / "pictures", LIMITS)
    reasons = {"rose": LINKED_FOLDER, ".cache": CLUTTER}
    assert {s.name: s.reason for s in result.dataset.skipped} == reasons
    (note,) = result.notes
    assert note.code == "linked_folders" and "rose" in note.sentence
    for label in "ab":
        (source / label / "1.png").unlink()
        (source / label).rmdir()
    with pytest.raises(BadDataset, match="rose is a link"):
        dataset.read(source, tmp_path / "others", LIMITS)


def test_a_class_folder_that_may_not_be_opened_is_listed_and_not_called_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    for seed, name in enumerate(["a/1.png", "b/1.png", "c/1.png", "lost+found/1.png"]):
        (source / name).parent.mkdir(parents=True)
        (source / name).write_bytes(picture(seed))
    scan = os.scandir
    shut = {"c", "lost+found"}

    def closed(path: Path | str) -> Any:
        if Path(path).name in shut:  # permissions do not stop root
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", closed)
        result = dataset.read(source, tmp_path / "pictures", LIMITS)
        listed = {Path(s.name).name: s.problem for s in sources.in_folder(source)}
        shut.add("source")
        with pytest.raises(BadDataset, match="source may not be opened"):
            dataset.read(source, tmp_path / "others", LIMITS)
    reasons = {"c": CLOSED, "lost+found": CLUTTER}
    assert {s.name: s.reason for s in result.dataset.skipped} == reasons
    assert [(note.code, " c." in note.sentence) for note in result.notes] == [
        ("closed_folders", True)
    ]
    assert listed == {"1.png": "", "c": CLOSED}


def test_progress_is_reported_and_may_cancel(tmp_path):
    path = zipped(tmp_path, [f"{c}/{i}.png" for c in "ab" for i in range(60)])
    steps: list[tuple[str, int, int]] = []
    dataset.read(path, tmp_path / "1", LIMITS, lambda *step: steps.append(step))
    assert steps[-1] == ("Reading pictures", 120, 120)

    def cancel(what: str, done: int, total: int) -> None:
        if what == "Reading pictures":
            raise Cancelled("Cancelled.")

    before = threading.active_count()
    with pytest.raises(Cancelled):
        dataset.read(path, tmp_path / "2", LIMITS, cancel)
    assert threading.active_count() <= before


def test_the_time_to_read_pictures_is_limited(tmp_path, monkeypatch):
    for seed, name in enumerate(["a/1.png", "b/1.png"]):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(picture(seed))
    clock = iter(range(0, 10_000, 700))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with pytest.raises(LimitExceeded, match="TUSKER_INTAKE_SECONDS"):
        dataset.read(tmp_path, tmp_path / "pictures", LIMITS)


def test_numbered_class_folders_stay_classes_beside_a_table_of_sites(tmp_path: Path) -> None:
    names = [f"{label}/{label}_{number}.png" for label in range(3) for number in range(4)]
    rows = "".join(f"{name},site {place % 2}\n" for place, name in enumerate(names))
    archive = zipped(tmp_path, names, {"sites.csv": f"file,where\n{rows}".encode()})
    found = dataset.read(archive, tmp_path / "pictures", LIMITS).dataset
    assert found.classes == ("0", "1", "2")


def test_datasets_of_earlier_versions_with_notes_are_opened() -> None:
    stored = {"name": "birds", "classes": ["a"], "examples": []}
    noted = stored | {"notes": [{"code": "folders", "sentence": "Read as classes.", "reading": ""}]}
    assert Dataset.model_validate(noted) == Dataset.model_validate(stored)


@pytest.mark.parametrize("form", ["tif", "big.tif", "gif", "png", "webp"])
def test_further_pages_and_frames_are_not_left_out_in_silence(form: str, tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "in" / label).mkdir(parents=True)
        frames = [Image.new("RGB", (40, 40), (80, 90 * (label == "b"), 60 * n)) for n in range(3)]
        options = {"big_tiff": form.startswith("big")} if form.endswith("tif") else {}
        path = tmp_path / "in" / label / f"one.{form}"
        frames[0].save(path, save_all=label == "b", append_images=frames[1:], **options)
    read = dataset.read(tmp_path / "in", tmp_path / "pictures", Settings())
    assert [note.code for note in read.notes] == ["pages"]
    assert "1 file has" in read.notes[0].sentence and f"b/one.{form}" in read.notes[0].sentence
