"""How folders, tables and file names are read as classes and splits."""

import csv
import io
import json
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from core import checks, dataset, intake
from core.archive import name_encodings
from core.dataset import folder_names, layout, reading
from core.errors import BadDataset
from core.settings import Settings
from tests.core.dataset import layouts
from tests.core.dataset.layouts import picture


def paths(*folders: str, each: int = 2) -> list[str]:
    return [f"{folder}/{number}.jpg" for folder in folders for number in range(each)]


def counts(found: layout.Layout) -> dict[tuple[str, str | None], int]:
    return dict(Counter((a.label, a.split) for a in found.assignments if not a.reason))


def split(*classes: str) -> dict[tuple[str, str | None], int]:
    return {(name, part): 2 for name in classes for part in ("train", "test")}


@pytest.mark.parametrize(
    ("training", "testing"),
    [
        ("train", "test"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("training_set", "test_set"),
        ("Train_images", "Test_images"),
        ("TrainImages", "TestImages"),
        ("train_data", "val_data"),
        ("x/x/train", "x/x/test"),
        ("dataset/dataset-train", "dataset/dataset-holdout"),
        ("mnist/training", "mnist/testing"),
        ("rps", "rps-test-set"),
        ("Trainingsdaten", "Testdaten"),
        ("entraînement", "test"),
        ("训练集", "测试集"),
        ("学習用", "テスト用"),
        ("훈련", "테스트"),
        ("обучение", "тест"),
    ],
)
def test_folders_with_the_words_of_a_split_define_it(training, testing):
    found = layout.infer(paths(*(f"{part}/{c}" for part in (training, testing) for c in "ab")))
    assert counts(found) == split("a", "b")
    assert found.predefined


def test_one_folder_beside_train_with_its_classes_is_left_out_with_the_reason():
    found = layout.infer(paths("train/cat", "train/dog", "extra/cat", "extra/dog"))
    assert counts(found) == {("cat", None): 2, ("dog", None): 2}
    assert {a.reason for a in found.assignments} == {"", layout.NO_SPLIT}
    assert found.level is None


@pytest.mark.parametrize("sites", [("hospital A", "hospital B"), ("site1", "site2")])
def test_sites_beside_a_test_folder_are_no_classes(sites):
    found = layout.infer(paths(*(f"{top}/{c}" for top in (*sites, "test") for c in "ab")))
    assert found.classes == ("a", "b")
    assert not any(a.reason for a in found.assignments)


def test_class_folders_beside_a_labelled_test_folder_are_for_training():
    found = layout.infer(paths("cat", "dog", "test/cat", "test/dog", "test/bird"))
    assert counts(found) == split("cat", "dog")
    assert [a.reason for a in found.assignments[-2:]] == [layout.NO_TRAINING] * 2


@pytest.mark.parametrize("folder", ["unsorted", "To sort", "unlabelled"])
def test_a_folder_of_pictures_that_are_to_be_sorted_is_no_class(folder, read):
    found = read(paths("cat", "dog", folder, each=3))
    assert found.dataset.classes == ("cat", "dog")
    assert [n.reason for n in found.dataset.skipped] == [layout.UNLABELLED] * 3
    inside = paths("train/cat", "train/dog", "train/unlabeled", "test/cat", "test/dog")
    assert counts(layout.infer(inside)) == split("cat", "dog")


def test_unlabelled_or_unsorted_things_are_a_class():
    for classes in (("labeled", "unlabeled"), ("sorted", "unsorted")):
        folders = paths(*(f"{part}/{label}" for part in ("train", "test") for label in classes))
        assert counts(layout.infer(folders)) == split(*classes)
    classes = ("folded laundry", "sorted laundry", "unsorted laundry")
    assert layout.infer(paths(*classes)).classes == classes


def test_folders_of_a_split_without_a_class_in_common_are_a_finding(read):
    notes = read(paths("train/cat", "train/dog", "val/fox", "test/bird")).notes
    assert [note.code for note in notes] == ["split_not_read", "subfolders"]
    notes = read(paths("train", "bus", "test tube")).notes
    assert not notes


@pytest.mark.parametrize("folder", ["test", "Test1", "testing", "test images", "kaggle_x_testset"])
def test_a_test_folder_beside_classes_is_left_out_with_a_warning_that_names_it(folder, read):
    found = read(paths("control", "placebo", folder, each=3))
    assert found.dataset.classes == ("control", "placebo")
    assert {n.reason for n in found.dataset.skipped} == {layout.UNLABELLED}
    assert folder in next(n.sentence for n in found.notes if n.code == "unlabelled")


def test_it_is_said_that_the_validation_pictures_are_the_test_set(read):
    folders = [f"{part}/{label}" for part in ("train", "val", "test") for label in ("cat", "dog")]
    assert "validation_tests" not in [note.code for note in read(paths(*folders)).notes]
    found = read(paths(*folders[:4]))
    assert {e.split for e in found.dataset.examples} == {"train", "test"}
    assert found.dataset.predefined
    assert "validation_tests" in [note.code for note in found.notes]


@pytest.mark.parametrize("folder", ["eval", "Prueba", "blood test"])
def test_other_folders_beside_classes_are_classes(folder, read):
    assert len(read(paths("healthy", "sick", folder, each=3)).dataset.classes) == 3


def test_a_class_may_be_named_like_a_split():
    found = layout.infer(paths("train", "bus", "test tube"))
    assert found.classes == ("bus", "test tube", "train")
    assert not found.predefined


def test_a_picture_beside_the_classes_may_be_named_like_a_split():
    found = layout.infer([*paths("cat", "dog"), "train"])
    assert counts(found) == {("cat", None): 2, ("dog", None): 2}
    assert found.assignments[-1].reason == layout.NO_CLASS


@pytest.mark.parametrize(
    "folders",
    [
        ["train/A", "train/B", "test/a", "test/b"],
        ["train/Red rose", "train/B", "test/red_rose", "test/B"],
    ],
)
def test_classes_spelled_differently_in_the_splits_are_one(folders):
    found = layout.infer(paths(*folders))
    first = folders[0].split("/")[1]
    assert counts(found) == split(first, "B")
    assert found.spellings[0] == (first, folders[2].split("/")[1])


def test_classes_of_one_split_that_differ_by_case_stay_apart():
    assert layout.infer(paths("train/A", "train/a", "test/A")).classes == ("A", "a")


@pytest.mark.parametrize(
    ("folders", "classes", "level"),
    [
        (["a", "a/more", "b"], "a b", "top"),
        (["a/2020-01", "a/2020-02", "b/2020-01", "b/2020-02"], "a b", "top"),
        (["a/2020-01", "b/2021-07"], "a b", "top"),
        (["cat/images", "dog/images"], "cat dog", "top"),
        (["cat/small", "dog/small", "dog/large"], "cat dog", "top"),
        (["cats/tabby", "cats/manx", "dogs/pug"], "manx pug tabby", "inner"),
        (["animals/cat", "animals/cat/lying", "animals/dog", "car"], "car cat dog", "inner"),
        (["site1/cat", "site1/dog", "site2/cat", "site2/dog"], "cat dog", "inner"),
        (["color/Apple", "color/Corn", "grayscale/Apple", "grayscale/Corn"], "Apple Corn", "inner"),
        (["f/a", "f/b", "f - Copy/a", "f - Copy/b"], "a b", "inner"),
        (
            ["Site A/cat", "Site A/dog", "siteB/cat", "siteB/dog"],
            "cat dog",
            "inner",
        ),
        (["clinic/in", "clinic/out", "hospital/in", "hospital/out"], "clinic hospital", "top"),
        (["a/N_14-22549", "a/N_14-29960", "b/M_14-2523"], "a b", "top"),
        (
            ["Audi/A4_quattro", "Audi/A6_quattro", "BMW/M3_coupe"],
            "A4_quattro A6_quattro M3_coupe",
            "inner",
        ),
        (["f/a", "f/b", "f/f/a", "f/f/b"], "a b", None),
        (
            ["Rioja/Muga_2009", "Rioja/Muga_2010", "Lazio/Est_2010"],
            "Est_2010 Muga_2009 Muga_2010",
            "inner",
        ),
        (["shelf/SKU10011", "shelf/SKU10012", "x/HM_2"], "HM_2 SKU10011 SKU10012", "inner"),
        (["tools/awl_1001", "tools/awl_1002", "x/rye_1"], "awl_1001 awl_1002 rye_1", "inner"),
        (
            ["Center_A/day", "Center_A/sick", "Center_B/day", "Center_B/sick"],
            "Center_A Center_B",
            "top",
        ),
        (["site1/day", "site1/sick", "site2/day", "site2/sick"], "day sick", "inner"),
        (
            ["plate_A/front", "plate_A/back", "plate_B/front", "plate_B/back"],
            "plate_A plate_B",
            "top",
        ),
        (["blood/Group_A", "blood/Group_B", "x/ink"], "Group_A Group_B ink", "inner"),
        (["site1/cat", "site1/other/1", "site2/cat/1", "site2/other"], "cat other", "inner"),
        (["Grade_1/left", "Grade_1/right", "Grade_2/left"], "Grade_1 Grade_2", "top"),
        (["KL0/left", "KL0/right", "KL1/left", "KL1/right"], "KL0 KL1", "top"),
        (["Audi_A3/old", "Audi_A3/new", "Audi_A4/old"], "Audi_A3 Audi_A4", "top"),
        (["c0/01", "c0/02", "c1/01", "c1/02"], "c0 c1", "top"),
        (["0/1", "0/2", "1/1", "1/2", "2/1", "2/2"], "0 1 2", "top"),
        (["new/1", "new/2", "old/1", "old/2"], "new old", "top"),
        (["2019/0", "2019/1", "2020/0", "2020/1"], "2019 2020", "top"),
        (["bird/study", "bird/play", "cat/visit"], "play study visit", "inner"),
        (
            ["bird/001ROBIN", "bird/002EAGLE", "fish/003SHARK"],
            "001ROBIN 002EAGLE 003SHARK",
            "inner",
        ),
        (["day 1/0", "day 1/1", "day 2/0", "day 2/1"], "0 1", "inner"),
        (["train/front", "train/side", "bus/front", "bus/side"], "bus train", "top"),
        (["d/train/day", "d/train/night", "d/tram/day", "d/tram/night"], "train tram", "top"),
        (
            ["training_shoes/nike", "training_shoes/vans", "sandals/nike", "sandals/vans"],
            "sandals training_shoes",
            "top",
        ),
        (["images/001.Tern", "images/002.Gull"], "001.Tern 002.Gull", None),
        (["Golf/v_Golf_g01_c01", "Golf/v_Golf_g01_c02", "Polo/v_Polo_g01_c01"], "Golf Polo", "top"),
        (["Mazda/Mazda_3", "Mazda/Mazda_6", "VW/VW_181"], "Mazda_3 Mazda_6 VW_181", "inner"),
        (["AugmentedMRI/a", "AugmentedMRI/b", "OriginalMRI/a", "OriginalMRI/b"], "a b", "inner"),
        (["data/a", "data/b", "backup/a", "backup/b"], "a b", "inner"),
        (["original/left", "fake/left", "fake/right"], "fake original", "top"),
    ],
)
def test_nested_folders_are_read_as_their_names_suggest(folders, classes, level):
    found = layout.infer(paths(*folders))
    assert (found.classes, found.level) == (tuple(classes.split()), level)


def zipped(folder: Path, pictures: dict[str, int]) -> Path:
    """A zip of these pictures, each with its number."""
    with zipfile.ZipFile(folder / "flowers.zip", "w") as target:
        for name, number in pictures.items():
            target.writestr(name, picture(number))
    return folder / "flowers.zip"


def ingested(folder: Path, pictures: dict[str, int]) -> intake.Intake:
    return intake.ingest(zipped(folder, pictures), "f", folder / "intake", Settings())


@pytest.fixture
def read(tmp_path):
    """Read a zip of pictures with these names and of other files."""

    def made(pictures: list[str], others: dict[str, str | bytes] | None = None) -> reading.Reading:
        shutil.rmtree(tmp_path / "pictures", ignore_errors=True)
        path = zipped(tmp_path, {name: number for number, name in enumerate(pictures)})
        with zipfile.ZipFile(path, "a") as target:
            for name, content in (others or {}).items():
                target.writestr(name, content)
        return dataset.read(path, tmp_path / "pictures", Settings())

    return made


def labels(found: reading.Reading) -> dict[str, str]:
    read = found.dataset
    return {example.name: read.classes[example.label] for example in read.examples}


def table(*rows: tuple[object, ...], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


FILES = [f"images/p{n}.png" for n in range(6)]


NUMBERED = {
    "cameras": ["IMG_1", "IMG_2", "DSC_1", "DSC_2"],
    "messenger": [f"IMG-2021050{n}-WA{m}" for n, m in ((1, 1), (1, 2), (2, 3), (2, 4))],
    "edited": ["1_edited", "2_edited", "3_HDR", "4_HDR"],
    "whatsapp": [f"WhatsApp Image 2024-01-1{n} at 1.00.1{n} {'AP'[n % 2]}M" for n in range(4)],
    "screenshots": [f"Screenshot 2024-01-1{n} at 1.00.1{n} {'AP'[n % 2]}M" for n in range(4)],
    "two variants": [f"000{n}_{kind}" for n in range(3) for kind in ("rgb", "nir")],
    "three variants": [f"000{n}_{kind}" for n in range(2) for kind in ("rgb", "nir", "depth")],
    "thumbnails": [f"000{n}_{('thumb', 'orig')[n % 2]}" for n in range(6)],
    "sizes": [f"000{n}-{('small', 'large')[n % 2]}" for n in range(6)],
    "one label": ["p1", "p2", "p3"],
    "one picture each": ["a1", "b1", "c1"],
}


@pytest.mark.parametrize("files", NUMBERED.values(), ids=NUMBERED)
def test_file_names_that_are_only_numbered_are_no_labels(files, read):
    with pytest.raises(BadDataset):
        read([f"pictures/{file}.png" for file in files])


def test_a_few_other_pictures_do_not_hide_labels_in_file_names(read):
    names = [f"{label}_{n}.jpg" for label in ("cat", "dog") for n in range(9)]
    found = read([*names, "cover.jpg", "IMG_9999.jpg"])
    assert set(labels(found).values()) == {"cat", "dog"}
    assert {each.name for each in found.dataset.skipped} == {"cover.jpg", "IMG_9999.jpg"}
    with pytest.raises(BadDataset):
        read([*names, *(f"{letter}.jpg" for letter in "abc")])


def test_words_of_splits_in_file_names_may_be_those_of_classes(read):
    classes = {"test tube", "test strip", "training shoe"}
    found = read([f"{label}_{n}.jpg" for label in classes for n in range(3)])
    assert set(found.dataset.classes) == classes and not found.dataset.predefined


@pytest.mark.parametrize("name", layouts.CASES)
def test_layouts_of_public_datasets_are_read_without_a_question(name, tmp_path):
    assert layouts.read(name, tmp_path) == layouts.CASES[name].expected


def test_a_column_about_something_else_does_not_contradict_the_folders(read):
    rows = ((name, ("indoor", "outdoor")[n % 2]) for n, name in enumerate(paths("cat", "dog")))
    found = read(paths("cat", "dog"), {"meta.csv": table(("file", "type"), *rows)})
    assert found.dataset.classes == ("cat", "dog")
    assert "labels_differ" not in [note.code for note in found.notes]


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        *((name, True) for name in ("train_test_split.txt", "splits.json", "split_zhou.csv")),
        *((name, False) for name in ("latest_training_log.csv", "banana_split.txt")),
        ("greatest_strains.csv", False),
    ],
)
def test_a_list_of_a_split_that_is_not_read_is_a_finding(name, lists, read):
    notes = read(paths("cat", "dog"), {name: "1 0\n"}).notes
    assert [note.code for note in notes] == ["split_not_read"] * lists


def test_a_table_that_cannot_be_read_hides_no_list_of_a_split(read):
    names = paths("cat", "dog", each=4)
    rows = ((name, "xy"[n % 2], "vw"[n // 4]) for n, name in enumerate(names))
    refused = table(("file", "category", "type"), *rows)
    found = read(names, {"meta.csv": refused, "test.txt": "cat/0.jpg\ndog/0.jpg\n"})
    assert [note.code for note in found.notes] == ["labels_from"]
    assert "test.txt" in found.notes[0].sentence


def test_lists_of_a_split_that_a_refused_table_hides_are_a_finding(read):
    names = paths("cat", "dog", each=4)
    contradicting = {
        f"{one}.csv": table(
            ("file", "label"), *((name, f"{one}{n % 2}") for n, name in enumerate(names))
        )
        for one in "xy"
    }
    notes = read(names, {**contradicting, "test.txt": "cat/0.jpg\ndog/0.jpg\n"}).notes
    assert [note.code for note in notes] == ["split_not_read"]
    assert notes[0].sentence.startswith("test.txt")


@pytest.mark.parametrize(("folder", "title"), [("", "tag"), ("class ", "annotation")])
def test_a_column_of_remarks_does_not_replace_numbered_classes(folder, title, read):
    names = [f"{folder}{n % 2}/{n}.jpg" for n in range(8)]
    rows = ((name, ("clean", "noisy")[n // 4]) for n, name in enumerate(names))
    found = read(names, {"meta.csv": table(("file", title), *rows)})
    assert found.dataset.classes == (f"{folder}0", f"{folder}1")


def test_folders_of_numbered_classes_stay_classes_without_a_table(read):
    assert read(paths("1", "2")).dataset.classes == ("1", "2")
    found = read(paths("1", "2"), {"notes.csv": table(("id", "x", "y"), ("0", "a", "b"))})
    assert found.dataset.classes == ("1", "2")


def test_a_teachable_machine_project_is_read(read):
    pictures = [f"{name}-!-{n}.jpg" for name in ("Class 1", "a/b") for n in range(3)]
    found = read(pictures, {"manifest.json": '{"type": "image", "appdata": {}}'})
    assert found.dataset.classes == ("Class 1", "a/b")
    with pytest.raises(BadDataset, match="audio"):
        read([], {"manifest.json": '{"type": "audio", "appdata": {}}'})


@pytest.mark.parametrize("boxes", [False, True])
def test_tags_of_azure_custom_vision_are_read_and_its_boxes_refused(boxes, read):
    tagged = [
        {
            "id": f"{n:04}-uuid",
            "originalImageUri": f"https://x.blob.core.windows.net/o-1/p{n}.png?sv=1",
            "tags": [{"tagName": "ab"[n % 2]}] + [{"tagName": "c"}] * (n == 5),
            "regions": [{"left": 0.1}] if boxes else [],
        }
        for n in range(6)
    ]
    tagged[0] |= {"id": "p0"}
    if boxes:
        with pytest.raises(BadDataset, match="Custom Vision"):
            read(FILES, {"images.json": json.dumps(tagged)})
    else:
        found = read(FILES, {"images.json": json.dumps(tagged)})
        assert labels(found) == {name: "ab"[n % 2] for n, name in enumerate(FILES[:5])}


def test_a_table_is_of_the_part_that_it_is_named_after(read):
    names = [f"{part}_images/{n}.png" for part in ("train", "test") for n in range(4)]
    rows = [(n, "ab"[n % 2]) for n in range(4)]
    found = read(names, {"train.csv": table(("id", "label"), *rows)})
    assert labels(found) == {f"train_images/{n}.png": label for n, label in rows}
    skipped = [s for s in found.dataset.skipped if s.name != "train.csv"]
    assert skipped and all("train.csv" in s.reason for s in skipped)
    with pytest.raises(BadDataset, match=r"train\.csv.* 1 of 8 pictures.*only a"):
        read(names, {"train.csv": table(("id", "label"), *rows[:1])})


def test_a_split_without_class_folders_is_refused(read):
    with pytest.raises(BadDataset, match="class folders"):
        read([f"{part}/{n}x.png" for part in ("train", "valid", "test") for n in range(3)])


def test_a_split_with_training_pictures_of_one_class_is_refused_as_that(read):
    with pytest.raises(BadDataset, match="has training pictures of one, good"):
        read(paths("bottle/train/good", "bottle/test/good", "bottle/test/broken"))


def test_an_archive_inside_the_archive_is_named(read):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("a/1.png", picture(1))
    with pytest.raises(BadDataset, match=r"train\.zip"):
        read([], {"train.zip": inner.getvalue()})


def test_a_folder_that_is_there_twice_counts_once(read, tmp_path):
    names = [f"{top}/{'ab'[n % 2]}/{n}.png" for n in range(6) for top in ("x", "x/x")]
    found = ingested(tmp_path, {name: int(name[-5]) for name in names})
    assert found.dataset.counts() == [3, 3]
    assert not [f for f in found.findings if f.severity is checks.Severity.BLOCKS]
    assert "6 pictures" in next(f.sentence for f in found.findings if f.code == "repeated")


def test_the_other_reading_of_nested_folders_is_one_remedy(read, tmp_path):
    names = paths("a/left", "a/right", "b/left", "b/right", each=3)
    found = ingested(tmp_path, {name: n for n, name in enumerate(names)})
    finding = next(f for f in found.findings if f.code == "subfolders")
    assert found.dataset.classes == ("a", "b")
    other = intake.apply_remedies(tmp_path / "intake", [finding.remedy], Settings())
    assert other.dataset.classes == ("a/left", "a/right", "b/left", "b/right")
    assert "subfolders" not in [f.code for f in other.findings]


def test_no_remedy_leaves_nothing(tmp_path):
    found = ingested(tmp_path, {f"{c}/{c}{n}.png": n for n in range(4) for c in "ab"})
    blocking = [f for f in found.findings if f.severity is checks.Severity.BLOCKS]
    assert [f.code for f in blocking] == ["in_two_classes"]
    assert blocking[0].remedy is None


@pytest.mark.parametrize(
    ("top", "others", "without"),
    [
        ("", {"c/": ""}, "c"),
        (
            "train/",
            {"train/c/1.mp4": "film", "train/d/1.svg": "<svg/>", "train/docs/notes.txt": "b"},
            "train/c and train/d",
        ),
    ],
)
def test_a_class_folder_without_a_readable_picture_is_a_finding(top, others, without, read):
    found = read(paths(f"{top}a", f"{top}b"), others)
    note = next(note for note in found.notes if note.code == "empty_folders")
    assert note.sentence.startswith(f"No readable pictures in {without}.")


def test_the_inner_folders_are_offered_if_several_outer_ones_have_them(read, tmp_path):
    people = ("Anna", "Ben", "Cem", "Dora", "Emil")
    names = paths(*[f"{p}/{pet}" for p in people for pet in ("cat", "dog")], "Ben/cow", each=3)
    found = ingested(tmp_path, {name: n for n, name in enumerate(names)})
    finding = next(f for f in found.findings if f.code == "repeated_subfolders")
    assert found.dataset.classes == people
    assert "have subfolders named cat and dog." in finding.sentence
    other = intake.apply_remedies(tmp_path / "intake", [finding.remedy], Settings())
    assert other.dataset.classes == ("cat", "cow", "dog")
    assert "repeated_subfolders" not in [f.code for f in other.findings]
    assert [g.by for g in found.groupings] == [] and [g.by for g in other.groupings] == ["folder"]


@pytest.mark.parametrize(
    "outer",
    [
        ("Kamera 1", "Kamera 2"),
        ("Cam A", "Cam B"),
        ("1. Mai 2024", "12. Juni 2024"),
        ("May 1, 2024", "June 12, 2024"),
        ("May 2024", "June 2024"),
        ("mars 2024", "août 2024"),
        ("LOC_A01", "LOC_B02"),
        ("batch_a", "batch_b"),
        ("rgb", "depth"),
        ("OneDrive_1_5-1-2024", "OneDrive_2_5-1-2024"),
        ("iCloud Photos Part 1 of 2", "iCloud Photos Part 2 of 2"),
        ("100APPLE", "101APPLE"),
        ("pets-20240501T101010Z-001", "pets-20240501T101010Z-002"),
    ],
)
def test_folders_inside_numbered_ones_are_the_classes(outer):
    found = layout.infer(paths(*[f"{top}/{label}" for top in outer for label in ("Reh", "Fuchs")]))
    assert found.classes == ("Fuchs", "Reh")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["100APPLE", "101APPLE"], True),
        (["images_001", "images_002"], True),
        (["2024-05-01", "2024-05-02"], True),
        (["01.05.2024", "02.05.2024"], True),
        (["2023", "2024"], False),
        (["c0", "c1"], False),
        (["001ROBIN", "002EAGLE"], False),
        (["Day 1", "Day 2"], False),
        (["Subject 1", "Subject 2"], False),
        (["IMG_1", "IMG_2"], False),
    ],
)
def test_classes_named_like_parts_of_a_collection_are_a_finding(read, labels, expected):
    assert ("parts" in [note.code for note in read(paths(*labels)).notes]) is expected


@pytest.mark.parametrize(
    "views", [("front", "links"), ("video_1", "video_2"), ("images", "thumbnails")]
)
def test_views_and_videos_of_each_class_are_no_warning(views, read):
    found = read(paths(*[f"{c}/{view}" for c in ("cat", "dog") for view in views]))
    assert found.dataset.classes == ("cat", "dog")
    assert [note.code for note in found.notes] == ["subfolders"]


def test_folders_of_documents_beside_classes_are_no_warning(read):
    others = {"docs/README.md": "b", "code/train.py": "b", "paper/flowers.pdf": "b"}
    assert not read(paths("a", "b"), others).notes


@pytest.mark.parametrize(
    "pictures",
    [
        [f"x/{n}_{label}.jpg" for n in range(4) for label in ("cat", "cat mask")],
        paths(*(f"{c}/{who}" for c in ("masks", "labels", "hats") for who in ("Anna", "Ben"))),
    ],
)
def test_classes_of_masks_with_the_names_of_others_are_no_masks(pictures):
    assert not folder_names.masks(pictures)


def test_tests_may_be_classes_in_tables_and_file_names(tmp_path):
    labels = ("blood test", "stress test")
    names = [f"{label}_{n}.jpg" for label in labels for n in range(4)]
    assert layouts.interpret(names, {}, tmp_path).layout.classes == labels
    folders = [f"{name.partition('_')[0]}/{name}" for name in names]
    table = "file,label\n" + "".join(f"{name},{name.partition('_')[0]}\n" for name in names)
    found = layouts.interpret(folders, {"labels.csv": table}, tmp_path).layout
    assert found.classes == labels


def test_a_class_name_stays_on_one_line(read):
    found = read(paths("two\nlines", "b\u2028c"))
    assert found.dataset.classes == ("b c", "two lines")
    assert "control_characters" in [note.code for note in found.notes]


@pytest.mark.parametrize(
    "encoded",
    [
        "gb18030|雏菊/1.jpg|玫瑰/1.jpg",
        "cp866|роза/1.jpg|ромашка/1.jpg",
        "cp1251|роза/1.jpg|ромашка/1.jpg",
        "cp932|ひまわり/1.jpg|バラ/1.jpg",
        "cp437|Blüte/1.jpg|café/1.jpg",
        "cp1252|Blüte/1.jpg|café/1.jpg",
        "cp852|růže/1.jpg|łąka/1.jpg",
        "big5|玫瑰/1.jpg|雛菊/1.jpg",
        "cp850|été/1.jpg|île/1.jpg",
        "cp852|żółw/1.jpg|róża/1.jpg",
        "cp932|薔薇/1.jpg|さくら/1.jpg",
        "cp737|γάτα/1.jpg|σκύλος/1.jpg",
        "cp1253|γάτα/1.jpg|σκύλος/1.jpg",
        "cp857|ağaç/1.jpg|ışık/1.jpg",
        "cp1256|قطة/1.jpg|كلب/1.jpg",
        "cp874|แมว/1.jpg|สุนัข/1.jpg",
        # Symbols are parts of names.
        "cp437|20°C",
        "cp437|½ kg",
        "cp850|piña nº1",
        "cp1251|кошка №1",
        "cp1252|træ1",
        "cp1252|2 æbler",
        "cp1252|piña",
        # The most likely language comes first.
        "cp1251|кошка|собака",
        "cp1251|Кошка 20°C|мышь",
        "cp1251|кот|пёс|лес",
        "cp949|장미|튤립",
        "cp1250|žába|kůň",
        "cp1254|çiçek|kırmızı",
        "cp862|חתול",
        "cp1255|שלום",
    ],
)
def test_unmarked_names_are_decoded_by_the_encoding_that_fits_all(encoded):
    encoding, *words = encoded.split("|")
    raw = [word.encode(encoding) for word in words]
    best = name_encodings.plausible(raw)[0]
    assert [name.decode(best) for name in raw] == words


def test_no_symbol_stands_inside_a_word():
    raw = "кошка".encode("cp1251")
    assert "°" in raw.decode("cp866") and "cp866" not in name_encodings.plausible([raw])


def test_encodings_in_which_names_are_the_same_are_no_alternatives():
    assert len(name_encodings.plausible(["Blüte".encode("cp850"), b"k\x84fer"])) == 1
    assert len(name_encodings.plausible([word.encode("cp866") for word in ("роза", "кошка")])) == 1


@pytest.mark.parametrize(("encoding", "word"), [("cp1254", "ağaç"), ("cp850", "5 µm")])
def test_names_that_could_be_of_another_language_are_ambiguous(encoding, word):
    raw = word.encode(encoding)
    found = [raw.decode(each) for each in name_encodings.plausible([raw])]
    assert len(found) > 1 and word in found


def ingest_unsaid(tmp_path, names, encoding, *words):
    """The intake of a zip whose names have words in an encoding that it does not say."""
    signs = {word: "@#"[at] * len(word.encode(encoding)) for at, word in enumerate(words)}
    for word, sign in signs.items():
        names = [name.replace(word, sign) for name in names]
    path = zipped(tmp_path, {name: n for n, name in enumerate(names)})
    content = path.read_bytes()
    for word, sign in signs.items():
        content = content.replace(sign.encode(), word.encode(encoding))
    path.write_bytes(content)
    return intake.ingest(path, "pictures", tmp_path / "intake", Settings())


def test_another_encoding_that_fits_is_offered(tmp_path):
    names = [f"{('장미', '튤립')[n % 2]}/{n}.png" for n in range(6)]
    found = ingest_unsaid(tmp_path, names, "cp949", "장미", "튤립")
    finding = next(f for f in found.findings if f.code == "encoding")
    assert finding.severity is checks.Severity.WARNS
    used, other = finding.remedy.names
    names = {name.encode(used).decode(other) for name in found.dataset.classes}
    renamed = intake.apply_remedies(tmp_path / "intake", [finding.remedy], Settings())
    assert renamed.dataset.classes == tuple(sorted(names)) != found.dataset.classes


def test_every_encoding_that_fits_is_offered(tmp_path):
    names = [f"{('כלב', 'dog')[n % 2]}/{n}.png" for n in range(6)]
    found = ingest_unsaid(tmp_path, names, "cp1255", "כלב")
    offered = [f for f in found.findings if f.remedy and f.remedy.kind == "decode"]
    assert len({f.code for f in offered}) == len(offered) > 1
    remedy = next(f.remedy for f in offered if f.remedy.names[1] == "cp1255")
    renamed = intake.apply_remedies(tmp_path / "intake", [remedy], Settings())
    assert set(renamed.dataset.classes) == {"dog", "כלב"}
    assert not any(f.remedy and f.remedy.kind == "decode" for f in renamed.findings)


def test_another_encoding_changes_no_name_that_says_how_it_is_encoded(tmp_path):
    names = [f"{('kočka', 'café')[n % 2]}/{n}.png" for n in range(6)]
    found = ingest_unsaid(tmp_path, names, "cp852", "kočka")
    assert found.dataset.classes == ("café", "kočka")
    offered = [f.remedy for f in found.findings if f.remedy and f.remedy.kind == "decode"]
    assert offered
    for remedy in offered:
        renamed = intake.apply_remedies(tmp_path / "intake", [remedy], Settings()).dataset
        assert "café" in renamed.classes and "kočka" not in renamed.classes


def test_encodings_of_names_do_not_matter_where_no_class_has_them(tmp_path):
    names = [f"{('cat', 'dog')[n % 2]}/כלב{n}.png" for n in range(6)]
    found = ingest_unsaid(tmp_path, names, "cp862", "כלב")
    assert not any(f.code.startswith("encoding") for f in found.findings)


@pytest.mark.parametrize("numbers", [(0, 0, 1, 1, 2, 2), (0, 1, 2, 3, 4, 5, 5, 0)])
def test_labels_behind_numbers_that_repeat_are_labels(numbers, read):
    found = read([f"{n}_{('cat', 'dog')[at % 2]}.png" for at, n in enumerate(numbers)])
    assert found.dataset.classes == ("cat", "dog")


def test_a_name_on_disk_that_is_not_utf8_is_read(tmp_path):
    for folder in (b"caf\xe9", b"tea"):
        path = Path(tmp_path / "set") / folder.decode("utf-8", "surrogateescape")
        path.mkdir(parents=True)
        for n in range(3):
            (path / f"{n}.png").write_bytes(picture(len(folder) * 10 + n))
    found = dataset.read(tmp_path / "set", tmp_path / "pictures", Settings()).dataset
    assert found.classes == ("caf\ufffd", "tea")
    assert all((tmp_path / "pictures" / example.path).is_file() for example in found.examples)
    found.model_dump_json()


def test_the_words_of_splits_in_the_docs_are_read():
    text = (Path(__file__).parents[3] / "docs/training-data.md").read_text(encoding="utf-8")
    table = text.partition("| word | part |")[2].partition("\n\n")[0]
    parts = {"training": "train", "left out: no labels": "unlabelled"}
    words = {
        word: parts.get(part, part)
        for words, part in re.findall(r"\| (`.*`) \| (.*?) \|", table)
        for word in re.findall(r"`(.*?)`", words)
    }
    assert set(words.values()) == {"train", "validation", "test", "unlabelled"}
    assert {word: folder_names.role(word) for word in words} == words
