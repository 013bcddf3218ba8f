"""Names of classes that are numbers or codes, in the files that public datasets have for them."""

import json

import pytest
from PIL import Image

from core import intake
from core.archive.unpacking import Member
from core.checks import Severity
from core.dataset import class_codes
from core.dataset.findings import resolved_next
from core.settings import Settings

NAMES = ["rose", "lily", "iris"]


def found(folder, classes, **contents):
    """The names that are found for the classes; file names are given with `__` for the dot."""
    others = []
    for name, content in contents.items():
        path = folder / name.replace("__", ".")
        path.write_text(content)
        others.append(Member(name=f"set/{path.name}", path=path))
    named = class_codes.find(classes, 20, others)
    return dict(zip(named[1].remedy.classes, named[1].remedy.names, strict=True)) if named else {}


NAMED = {
    "codes as keys": ("1 10 2", "cat_to_name__json", {"1": "rose", "10": "lily", "2": "iris"}),
    "names as keys": ("1 10 2", "class_map__json", {"rose": 1, "lily": 10, "iris": 2}),
    "a part of the content": (
        "1 10 2",
        "config__json",
        {"id2label": dict(zip(["1", "10", "2"], NAMES, strict=True)), "v": "2"},
    ),
    "a list in order": ("0 1 2", "class_names__json", ["rose", "lily", "iris"]),
    "records": (
        "0 1 2",
        "info__json",
        {"categories": [{"id": n, "name": name} for n, name in enumerate(NAMES)]},
    ),
    "lists of code and name": (
        "n02100001 n02100002 n02100003",
        "imagenet_class_index__json",
        {str(n): [f"n0210000{n + 1}", name] for n, name in enumerate([*NAMES, "rose"])},
    ),
    "a table": (
        "00000 00001 00014",
        "signnames__csv",
        "ClassId,SignName\n0,rose\n1,lily\n2,x y\n14,iris\n",
    ),
    "a table whose name ends in txt": (
        "n0 n1 n2",
        "labels__txt",
        "Label, Latin Name , Images\nn0 , rose\t, 131\nn1 , lily\t, 1\nn2 , iris, 3\n",
    ),
    "a list of synsets": ("0 1 2", "synsets__txt", "rose\nlily\niris\n"),
    "a table in German": ("0 1 2", "Klassen__csv", "Nr;Name\n0;rose\n1;lily\n2;iris\n"),
    "a table with other columns": (
        "0 1 2",
        "t__csv",
        "class;height;title\n2;3;iris\n1;3;lily\n0;3;rose\n",
    ),
    "a table with numbered rows": (
        "0 1 2",
        "t__csv",
        ",class_id,title\n0,2,iris\n1,1,lily\n2,0,rose\n3,4,oak\n",
    ),
    "an export of labels with licences": (
        "1 2 3",
        "coco__json",
        {
            "licenses": [{"id": n, "name": "by" + "-nc" * n} for n in (1, 2, 3)],
            "categories": [{"id": n, "name": name} for n, name in enumerate(NAMES, 1)],
        },
    ),
    "words after codes": (
        "n02100001 n02100002 n02100003",
        "words__txt",
        "n02100001 rose\nn02100002\tlily\nn02100003: iris\nn1 x, y\n",
    ),
    "names in order": ("0 1 2", "labels__txt", "rose\nlily\niris\n"),
    "names in order, counted from 1": ("1 2 3", "classes__txt", "rose\nlily\niris"),
    "names in order below a title": ("0 1 2", "labels__csv", "name\nrose\nlily\niris\n"),
    "letters before numbers": ("c0 c1 c2", "classes__txt", "c0: rose\nc1: lily\nc2: iris\n"),
}


@pytest.mark.parametrize(("classes", "file", "content"), NAMED.values(), ids=NAMED)
def test_the_file_with_all_codes_names_the_classes(tmp_path, classes, file, content):
    text = content if isinstance(content, str) else json.dumps(content)
    expected = dict(zip(classes.split(), NAMES, strict=True))
    assert found(tmp_path, classes.split(), **{file: text}) == expected


def test_names_keep_their_signs_and_long_lists_of_synonyms_their_first(tmp_path):
    synonyms = "kit fox, " + ", ".join(["Vulpes macrotis"] * 5)
    names = {"0": "Speed limit (20km/h)", "1": "001.Black_footed_Albatross", "2": synonyms}
    assert found(tmp_path, list("012"), names__json=json.dumps(names)) == names | {"2": "kit fox"}


@pytest.mark.parametrize(
    ("classes", "file", "content"),
    [
        ("cat dog", "names__csv", "id,name\ncat,Katze\ndog,Hund\n"),  # words, which stay
        ("0 1", "map__json", '{"0": "cat"}'),  # one is missing
        ("0 1", "map__json", '{"0": "cat", "1": "Cat"}'),  # of one name
        ("0 1", "table__csv", "id,width,path\n0,30,0/1.jpg\n1,40,1/1.jpg\n"),  # no words
        ("0 1", "rows__csv", "id,name\n0,cat\n0,cat\n1,dog\n"),  # a table of pictures
        ("0 1", "rows__csv", ",file,label\n0,x1.jpg,cat\n1,x2.jpg,dog\n"),  # numbers of rows
        ("0 1", "rows__csv", "".join(f"{n},scan{n},text {n}\n" for n in range(12))),
        ("0 1", "README__txt", "Pictures of cats\nand of dogs\n"),
        ("0 1", "README__txt", "Columns:\n0: file name\n1: label\n"),
        ("1 2", "README__txt", "1 Unpack the archive\n2 Start the program\n"),
        ("0 1", "config__json", '{"seed": 0, "version": 1}'),
        ("0 1", "licenses__json", '[{"id": 0, "name": "by-nc"}, {"id": 1, "name": "by"}]'),
        ("0 1", "sites__csv", "id,name\n0,Boston\n1,Berlin\n"),
        ("0 1", "patients__csv", "id,label\n0,healthy\n1,ill\n2,healthy\n3,ill\n"),
        ("0 1", "classes__csv", "class,weight\n0,1e-5\n1,2e-5\n"),
        ("0 1", "classes__json", '[{"id": 0, "n": null, "k": "pet"}, {"id": 1, "n": "dog"}]'),
        ("F-16 F-35", "classes__csv", "type,maker\nF-16,General\nF-35,Lockheed\n"),
        ("0 1", "labels__csv", "name\ncat\n"),
        (f"{'1' * 5_000} 2", "classes__txt", "cat\ndog\n"),
        ("0 1 2", "classes__txt", "cat\ndog\n"),
        ("0 2", "classes__txt", "cat\ndog\n"),  # which of three?
        ("0 1", "broken__json", "{"),
    ],
)
def test_other_files_name_no_classes(tmp_path, classes, file, content):
    assert found(tmp_path, classes.split(), **{file: content}) == {}


def test_numbered_folders_get_their_names_unasked_and_the_finding_can_be_declined(tmp_path):
    data = tmp_path / "flowers"
    for code in ("1", "10", "2"):
        for n in range(3):
            path = data / "train" / code / f"image_{code}{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 40), (80 * n, 25 * int(code), 60)).save(path)
    (data / "cat_to_name.json").write_text(json.dumps({"1": "rose", "10": "lily", "2": "iris"}))
    taken = intake.ingest(data, "flowers", tmp_path / "intake", Settings())
    assert taken.dataset.classes == ("1", "10", "2")
    assert "cat_to_name.json" not in {skipped.name for skipped in taken.dataset.skipped}
    finding = next(f for f in taken.findings if f.code == "class_codes")
    assert finding.severity is Severity.INFORMS
    remedies = [remedy for _, remedy in resolved_next(taken.findings, [])]
    assert finding.remedy in remedies
    assert finding.remedy not in [r for _, r in resolved_next(taken.findings, [], ["class_codes"])]
    named = intake.apply_remedies(tmp_path / "intake", remedies, Settings())
    assert named.dataset.classes == tuple(sorted(NAMES))
    label_of = {e.name: named.dataset.classes[e.label] for e in named.dataset.examples}
    assert label_of["train/10/image_100.png"] == "lily"
    assert not [f for f in named.findings if f.code == "class_codes"]


def test_pictures_that_are_added_later_belong_to_the_classes_that_got_names(tmp_path):
    folders = (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        for n in range(9):
            path = folder / "12"[n % 2] / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = (20 * n, 250 * folders.index(folder), 60)
            Image.new("RGB", (40, 40), pixels).save(path)
    (folders[0] / "classes.txt").write_text("rose\nlily\n")
    taken = intake.ingest(folders[0], "first", tmp_path / "intake", Settings())
    intake.ingest(folders[1], "second", tmp_path / "more", Settings())
    remedies = [remedy for _, remedy in resolved_next(taken.findings, [])]
    remedies.append(intake.add(tmp_path / "intake", tmp_path / "more", "", Settings()))
    both = intake.apply_remedies(tmp_path / "intake", remedies, Settings())
    assert both.dataset.classes == ("lily", "rose")
    undone = intake.apply_remedies(tmp_path / "intake", remedies[1:], Settings())
    assert undone.dataset.classes == ("1", "2")
    assert len(undone.dataset.examples) == len(both.dataset.examples) == 18


def test_numbers_in_a_table_get_the_names_of_another_file(tmp_path):
    data = tmp_path / "cassava"
    (data / "train_images").mkdir(parents=True)
    for n in range(6):
        Image.new("RGB", (40, 40), (40 * n, 0, 60)).save(data / f"train_images/{100 + n}.png")
    rows = "".join(f"{100 + n}.png,{n % 2}\n" for n in range(6))
    (data / "train.csv").write_text(f"image_id,label\n{rows}")
    (data / "label_num_to_disease_map.json").write_text('{"0": "blight", "1": "mosaic disease"}')
    taken = intake.ingest(data, "cassava", tmp_path / "intake", Settings())
    remedies = [remedy for _, remedy in resolved_next(taken.findings, [])]
    named = intake.apply_remedies(tmp_path / "intake", remedies, Settings())
    assert named.dataset.classes == ("blight", "mosaic disease")
