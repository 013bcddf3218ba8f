"""Labels and splits in tables and in the files of labelling tools, as people have them."""

import json
import unicodedata
from collections.abc import Callable

import pytest
from PIL import Image

from core import dataset
from core.dataset import records, tables
from core.errors import BadDataset, NoClasses
from core.settings import Settings
from tests.core.dataset import layouts

FILES = [f"images/p{n}.jpg" for n in range(8)]
LABELS = {name: "ab"[n % 2] for n, name in enumerate(FILES)}

RECORDS = [{"image": f"p{n}.jpg", "class": "ab"[n % 2]} for n in range(8)]


def lines(header: str, row: Callable[[int], str]) -> str:
    """A table with a row for each of the files."""
    return "\n".join([header, *map(row, range(8))]) + "\n"


def rows(title: str = "label", delimiter: str = ",", **changed: str) -> str:
    """A table of the files and their labels, of which some are changed."""
    cells = {f"p{n}": "ab"[n % 2] for n in range(8)} | changed
    lines = [f"{name}.jpg{delimiter}{label}" for name, label in cells.items()]
    return "\n".join([f"file{delimiter}{title}", *lines]) + "\n"


def coco(*pictures: int, **more: object) -> dict[str, list[dict[str, object]]]:
    """Annotations of these pictures, each with more."""
    return {
        "categories": [{"id": 7, "name": "a"}, {"id": 9, "name": "b"}],
        "images": [{"id": n, "file_name": f"p{n}.jpg"} for n in range(8)],
        "annotations": [{"image_id": n, "category_id": 7 + 2 * (n % 2), **more} for n in pictures],
    }


@pytest.fixture
def read(tmp_path):
    def made(others, pictures=FILES):
        found, notes, *_ = layouts.interpret(pictures, others, tmp_path)
        used = zip(pictures, found.assignments, strict=True)
        return {name: a.label or a.reason for name, a in used}, found, {n.code: n for n in notes}

    return made


@pytest.mark.parametrize(
    ("cell", "picture", "found"),
    [
        (r"C:\Users\me\data\images\p1.jpg", "images/p1.jpg", True),
        ("/home/me/p1.jpg", "images/p1.jpg", True),
        ("https://x.org/a/p%201.jpg?sig=1#top", "images/p 1.jpg", True),
        ("p1.jpg", "images/P1.JPG", True),
        ("p1.png", "images/p1.jpg", True),
        ("rosé1.jpg", unicodedata.normalize("NFD", "rosé1.jpg"), True),
        ("7", "images/0007.jpg", True),
        ("7.0", "images/7.jpg", True),
        ("data/images/p1.jpg", "images/p1.jpg", True),
        ("../input/data/images/p1.jpg", "set/images/p1.jpg", True),
        ("val/p1.jpg", "train/p1.jpg", False),
        ("/data/val/p1.jpg", "train/p1.jpg", False),
        ("other/p1.jpg", "images/p1.jpg", False),
    ],
)
def test_a_cell_means_the_picture_whose_path_ends_like_it(cell, picture, found):
    lookup = tables.Lookup([picture, "images/q.jpg", "top.jpg"])
    assert (lookup.find(cell, "labels.csv") or ("",))[0] == (picture if found else "")


def test_of_rows_that_may_mean_one_picture_those_of_its_folder_count(read):
    table = "file,label\n" + "".join(
        f"{part}/{n}.jpg,{'ab'[(n + (part == 'val')) % 2]}\n"
        for part in ("train", "val")
        for n in range(4)
    )
    found, _, notes = read({"labels.csv": table}, [f"train/{n}.jpg" for n in range(4)])
    assert list(found.values()) == ["a", "b", "a", "b"]
    assert "4 rows name no picture" in notes["labels_from"].sentence


def test_a_column_of_file_names_goes_before_one_of_numbers(read):
    table = lines(",file,label", lambda n: f"{n},{7 - n}.jpg,{'ab'[n % 2]}")
    found, _, _ = read({"labels.csv": table}, [f"{n}.jpg" for n in range(8)])
    assert [found[f"{7 - n}.jpg"] for n in range(8)] == list("abababab")


WRITTEN = {
    "UTF-16": rows().encode("utf-16"),
    "sep=": ("sep=;\n" + rows(delimiter=";")).encode(),
    "comment": ("# exported\n" + rows()).encode(),
    "bars": rows(delimiter="|").encode(),
    "Mac": rows().replace("\n", "\r").encode(),
    "names": {f"p{n}.jpg": "ab"[n % 2] for n in range(8)},
    "stems": {f"p{n}": "ab"[n % 2] for n in range(8)},
    "pairs": [[f"p{n}.jpg", "ab"[n % 2]] for n in range(8)],
    "project": {"_ui": {"page": {"size": 9}}, "_files": {r["image"]: {"of": r} for r in RECORDS}},
    "lists": {k: [f"p{n}.jpg" for n in range(k == "b", 8, 2)] for k in "ab"},
    "records": {"info": {}, "items": RECORDS},
    "agreeing": [{"of": r["image"], "by": [r, r]} for r in RECORDS],
    "VIA": {f"{r['image']}99": {"regions": [], "of": r} for r in RECORDS},
    "one part": {"annotations": {r["image"]: r["class"] for r in RECORDS}},
    "names of classes": {"classes": ["a", "b"], "images": RECORDS},
}


@pytest.mark.parametrize("content", WRITTEN.values(), ids=WRITTEN)
def test_labels_are_read_however_a_file_is_written(content, read):
    is_table = isinstance(content, bytes)
    name, written = ("labels.csv", content) if is_table else ("labels.json", json.dumps(content))
    assert read({name: written})[0] == LABELS


@pytest.mark.parametrize(
    ("encoding", "words"),
    [("cp1251", ("кошка", "собака")), ("gb18030", ("玫瑰", "雏菊")), ("cp1252", ("rosé", "köln"))],
)
def test_the_code_page_of_a_table_is_found_by_its_words(encoding, words, read):
    content = rows(**{f"p{n}": words[n % 2] for n in range(8)}).encode(encoding)
    assert set(read({"labels.csv": content})[0].values()) == set(words)


@pytest.mark.parametrize(
    "marks",
    [
        *(("True", "False"), ("x", ""), ("1.000", "0.000"), ('"1,0"', '"0,0"')),
        *(("ja", "nein"), ("Oui", "Non"), ("WAHR", "FALSCH"), ("sí", "no")),
    ],
)
def test_one_column_per_class_may_hold_any_marks(marks, read):
    table = lines("file,a,b", lambda n: f"p{n}.jpg,{marks[n % 2]},{marks[1 - n % 2]}")
    assert read({"labels.csv": table})[0] == LABELS
    with pytest.raises(BadDataset, match="exactly one of the classes a and b"):
        read({"labels.csv": lines("file,a,b", lambda n: f"p{n}.jpg,1,1")})


def test_a_picture_with_several_labels_is_left_out_and_many_are_refused(read):
    found, _, _ = read({"labels.csv": rows() + "p1.jpg,a\np0.jpg,a\n"})
    assert found == LABELS | {
        "images/p1.jpg": "Several labels in the column label of labels.csv. Keep one of them."
    }
    annotations = coco(*range(8), 0, 1)
    annotations["annotations"].append({"image_id": 0, "category_id": 9})
    found, layout, _ = read({"coco.json": json.dumps(annotations)})
    assert "Several labels" in found["images/p0.jpg"] and layout.classes == ("a", "b")
    assert found["images/p1.jpg"] == "b"
    with pytest.raises(BadDataset, match="Most pictures"):
        read({"a.csv": rows(), "b.csv": rows(**{f"p{n}": "ba"[n % 2] for n in range(8)})})


def test_words_for_no_value_are_no_class_and_typing_errors_no_second_one(read):
    found, layout, notes = read({"labels.csv": rows(p0="NaN", p1="N/A", p3="b b", p5="B_b")})
    assert layout.classes == ("a", "b", "b b")
    assert found["images/p0.jpg"].startswith("Without a label")
    assert found["images/p3.jpg"] == found["images/p5.jpg"] == "b b"
    assert "B_b" in notes["spellings"].sentence
    letters = read({"labels.csv": rows(p0="A", p2="A")})[1]  # of a handwriting
    assert letters.classes == ("A", "a", "b")


def test_the_column_that_is_read_is_named_and_several_are_refused(read):
    def table(titles: str) -> str:
        return lines(f"file, {titles}", lambda n: f"p{n}.jpg,{'xy'[n // 4]},{'ab'[n % 2]}")

    found, _, notes = read({"labels.csv": table("category, label")})
    assert found == LABELS and "the column label of labels.csv" in notes["labels_from"].sentence
    for titles in ("category, type", "colour, shape"):
        with pytest.raises(BadDataset, match=titles):
            read({"labels.csv": table(titles)})


def test_a_table_gives_a_split_to_class_folders_and_says_so(read):
    pictures = [f"{label}/{n}.jpg" for label in ("cat", "dog") for n in range(4)]
    table = "file,is_test\n" + "".join(f"{name},{int('3' in name)}\n" for name in pictures)
    _, layout, notes = read({"parts.csv": table}, pictures)
    assert [a.split for a in layout.assignments] == ["train", "train", "train", "test"] * 2
    assert notes["labels_from"].sentence.startswith("The split was read from")
    assert notes["labels_from"].sentence.endswith("6 for training and 2 for test.")
    with pytest.raises(BadDataset, match=r"a label to 0 of 8 pictures\. Add"):
        read({"a.csv": rows("is_test", **{f"p{n}": str(n % 2) for n in range(8)})})
    _, layout, notes = read({"train_test_split.txt": "1 0\n2 1\n"}, pictures)
    assert not layout.predefined and "train_test_split.txt" in notes["split_not_read"].sentence
    one, other = "cat/0.jpg\ndog/0.jpg\n", "cat/1.jpg\ndog/1.jpg\n"
    lists = {"train1.txt": one, "test1.txt": other, "train2.txt": other, "test2.txt": one}
    _, layout, notes = read(lists, pictures)
    assert not layout.predefined and "train1.txt" in notes["split_not_read"].sentence


@pytest.mark.parametrize(
    ("line", "name"),
    [("{0} {1} 7", "{0}.jpg"), ("{0}.jpg {1}7", "{0}.jpg"), ("a {0}.jpg {1}7", "a {0}.jpg")],
)
def test_a_list_may_separate_its_columns_by_spaces(line, name, read):
    pictures = ["x/" + name.format(n) for n in range(8)]
    text = "".join(line.format(n, "ab"[n % 2]) + "\n" for n in range(8))
    found, _, _ = read({"labels.txt": text}, pictures)
    assert [found[picture][0] for picture in pictures] == list("abababab")


def test_a_table_that_was_used_is_not_left_out(tmp_path):
    folder = tmp_path / "flowers"
    folder.mkdir()
    for n in range(8):
        Image.new("RGB", (32, 32), (30 * n, 9, 9)).save(folder / f"p{n}.png")
    (folder / "labels.csv").write_text(rows(title="kind"))
    (folder / "notes.txt").write_text("Taken in May")
    read = dataset.read(folder, tmp_path / "pictures", Settings()).dataset
    assert [skipped.name for skipped in read.skipped] == ["notes.txt"]
    (folder / "images").mkdir()  # to evaluate on, one class would be enough
    for n in range(8):
        (folder / f"p{n}.png").rename(folder / "images" / f"p{n}.png")
    read = dataset.read(folder, tmp_path / "pictures", Settings(), expect_classes="any")
    assert read.dataset.classes == ("a", "b")


@pytest.mark.parametrize("both", ["a|b", "a; b", "a,b", "['a', 'b']", "[a,b]"])
def test_several_labels_in_one_cell_are_no_class(both, read):
    cells = [both, "a", "b", "a", "b", "a", "b", "red; big"]
    found, layout, _ = read({"labels.tsv": lines("file\tlabel", lambda n: f"p{n}.jpg\t{cells[n]}")})
    assert "Several labels" in found["images/p0.jpg"]
    assert layout.classes == ("a", "b", "red; big")


def test_a_table_that_contradicts_the_folders_is_a_finding(read):
    pictures = [f"{label}/{label}{n}.jpg" for label in ("cat", "dog") for n in range(4)]
    swapped = lines("file,label", lambda n: f"{pictures[n]},{('dog', 'cat')[n // 4]}")
    found, _, notes = read({"labels.csv": swapped}, pictures)
    assert found["cat/cat0.jpg"] == "cat" and "8 of 8" in notes["labels_differ"].sentence
    corrections = "file,label\ncat0.jpg,Dog\ncat1.jpg,cat\ndog0.jpg,dog\n"
    remedy = read({"labels.csv": corrections}, pictures)[2]["labels_differ"].remedy
    assert remedy.files == tuple(pictures) and remedy.names == ("dog", *["cat"] * 3, *["dog"] * 4)
    finer = lines("file,breed", lambda n: f"{pictures[n]},{pictures[n][:3]}{n % 2}")
    assert "labels_differ" not in read({"breeds.csv": finer}, pictures)[2]


def test_rare_keys_and_one_wide_row_do_not_multiply_the_cells():
    many = [{"file": f"p{n}.jpg", "label": "a", f"key{n}": 1} for n in range(200)]
    assert records.rows_of(json.dumps(many))[0] == ["file", "label"]
    rows = [[f"p{n}.jpg", "a"] for n in range(200)] + [["x"] * 400]
    table = tables.match_rows("labels.csv", rows, tables.Lookup(["p1.jpg", "p2.jpg"]))
    assert table is not None and len(table.columns) == 2


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("{},", 1_000_001),
        ("[1],", 1_000_001),
        ("1,", 6_000_001),
        ('{"file": "1.jpg"}\n', 1_000_001),
    ],
)
def test_json_of_millions_of_values_is_not_read(unit, times):
    many = unit * times
    assert records.rows_of(many if "\n" in unit else f"[{many}0]") == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_of_more_than_a_million_lines_is_not_read(end):
    table = f"file,label{end}" + f"1.jpg,cat{end}" * 999_999
    assert len(tables.rows_of(table)) == 1_000_000
    assert tables.rows_of(table + end) == []


def test_large_files_of_common_tools_are_read():
    """Polygons of many points, whose numbers are on a line each, and captions with commas."""
    annotation = {"image_id": 1, "category_id": 1, "segmentation": [[12.5] * 200]}
    coco = {
        "images": [{"id": 1, "file_name": "1.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [annotation] * 5_500,
    }
    for indent in (None, 1):
        assert len(records.rows_of(json.dumps(coco, indent=indent))) == 1 + 5_500
    line = json.dumps({"file_name": "1.jpg", "label": "cat", "text": "a, b, c, d"})
    assert len(records.rows_of(f"{line}\n" * 200_000)) == 1 + 200_000


BOX = {"x": 1, "y": 2, "width": 3, "height": 4}


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("p0.json", {"shapes": [{"label": "a", "points": [[1.0, 2.0]]}]}, "LabelMe"),
        ("a/_annotations.json", coco(*range(8), bbox=[1, 2, 3, 4]), "COCO"),
        ("Annotations/p0.xml", "<object><bndbox></bndbox></object>", "Pascal VOC"),
        ("boxes.csv", "filename,class,xmin,xmax\np0.jpg,a,1,2\n", "a table of boxes"),
        ("train.csv", 'file,bbox,source\np0.jpg,"[1, 2]",a\n', "a table of boxes"),
        (
            "a.json",
            [{"image": "p0.jpg", "annotations": [{"label": "a", "coordinates": BOX}]}],
            "JSON",
        ),
        ("a.json", [{"data": {}, "value": {"rectanglelabels": ["a"], **BOX}}], "JSON"),
        ("a.json", {"p0": {"regions": [{"shape_attributes": {"name": "rect"}}]}}, "JSON"),
        ("a.xml", "<annotations><image><box label='a' xtl='1'/></image></annotations>", "CVAT"),
        ("labels/train/p0.txt", "0 0.5 0.5 0.2 0.2\n", "YOLO"),
        ("images/p0.txt", "0 0.5 0.5 0.2 0.2\n", "YOLO"),
    ],
)
def test_labels_of_parts_of_pictures_are_refused_by_name(name, content, kind, read):
    with pytest.raises(BadDataset, match=f"object detection \\({kind}"):
        read({name: content if isinstance(content, str) else json.dumps(content)})


def test_masks_without_classes_are_refused_as_segmentation(read):
    with pytest.raises(BadDataset, match="segmentation"):
        read({}, [f"data/{kind}/{n}.png" for kind in ("images", "masks") for n in range(3)])
    faces = [f"{kind}/{n}.png" for kind in ("mask", "no_mask") for n in range(3)]
    assert read({}, faces)[1].classes == ("mask", "no_mask")


@pytest.mark.parametrize(
    ("name", "table", "classes", "column"),
    [
        ("meta.csv", "file,label,site|p99.jpg,x,s1|{0},{1},s2", "ab", "label"),
        ("meta.csv", "file,animal|p98.jpg,x|p99.jpg,y|{0},{1}", "ab", "animal"),
        ("meta.csv", "файл;класс;место|{0};{1};s{2}", "ab", "класс"),
        ("meta.csv", "fichier;Étiquette;lieu|{0};{1};s{2}", "ab", "Étiquette"),
        ("meta.csv", "文件名,标签,地点|{0},{1},s{2}", "ab", "标签"),
        ("meta.csv", "file,Finding Labels,sex|{0},{1},s{2}", "ab", "Finding Labels"),
        ("meta.csv", "file,image_class,sex|{0},{1},s{2}", "ab", "image_class"),
        ("meta.csv", "file,Diagnostic,sex|{0},{1},s{2}", "ab", "Diagnostic"),
        ("meta.csv", "# exported||file,animal|p98.jpg,x|{0},{1}", "ab", "animal"),
        ("meta.csv", ",file,animal|7,p98.jpg,x|7,{0},{1}", "ab", "animal"),
        ("meta.csv", "file,a,b|p98.jpg,0,1|{0},{2},{3}", "ab", "meta.csv"),
        ("meta.csv", "fichier;lieu;Nom de l'espèce|{0};s{2};{1}", "ab", "Nom de l'espèce"),
        ("meta.csv", "archivo;finca;enfermedad|{0};s{2};{1}", "ab", "enfermedad"),
        ("meta.csv", "file,genus,scientificName|{0},s{2},{1}", "ab", "scientificName"),
        ("meta.tsv", "file\tlabel\tcaption|{0}\t{1}\tone, two, three, four", "ab", "label"),
        ("meta.csv", "file;label|{0};{1}, big, red", ("a, big, red", "b, big, red"), ""),
    ],
)
def test_the_titles_and_the_cells_of_a_table_are_found(name, table, classes, column, read):
    *top, row = table.split("|")
    body = [row.format(f"p{n}.jpg", "ab"[n % 2], 1 - n % 2, n % 2) for n in range(8)]
    found, layout, notes = read({name: "\n".join([*top, *body])})
    assert layout.classes == tuple(classes) and found["images/p1.jpg"] == classes[1]
    assert column in notes["labels_from"].sentence
    missing = sum("p9" in line for line in top)
    assert (f"{missing} row" in notes["labels_from"].sentence) == bool(missing)


def listed(*stops: int) -> str:
    """A list of the first pictures of each class in folders of 20."""
    pairs = zip(("cat", "dog"), stops, strict=True)
    return "".join(f"{label}/{n}.jpg\n" for label, stop in pairs for n in range(stop))


def marked(title: str) -> str:
    return f"file,{title}\n" + "".join(
        f"{label}/{n}.jpg,{n % 2}\n" for label in ("cat", "dog") for n in range(20)
    )


@pytest.mark.parametrize(
    "others",
    [
        {"meta.csv": marked("pcr_test")},
        {"meta.csv": marked("drug test")},
        {"meta.csv": marked("test")},
        {"validation_errors.csv": listed(3, 3)},
        {"dev_board.csv": listed(5, 2)},
        {"test_failures.txt": listed(4, 1)},
        {"test.txt": listed(3, 0)},
        {"train.csv": listed(6, 4), "val.csv": "cat/10.jpg\ndog/10.jpg\n"},
        {"meta.csv": "file,split\ncat/0.jpg,train\ndog/0.jpg,test\ncat/1.jpg,test\n"},
    ],
    ids=["pcr", "drug", "test", "errors", "board", "failures", "one class", "few", "column"],
)
def test_class_folders_are_not_divided_by_what_may_be_no_split(others, read):
    pictures = [f"{label}/{n}.jpg" for label in ("cat", "dog") for n in range(20)]
    _, layout, _ = read(others, pictures)
    assert not layout.predefined and [a.label for a in layout.assignments].count("dog") == 20


@pytest.mark.parametrize(
    "names", [("testLabels.csv",), ("pets_train.csv", "pets_test.csv"), ("trainval.txt", "tst.txt")]
)
def test_the_names_of_lists_say_which_split_they_are(names, read):
    pictures = [f"{label}/{n}.jpg" for label in ("cat", "dog") for n in range(20)]
    test = listed(5, 5)
    train = "".join(f"{name}\n" for name in pictures if name not in test.splitlines())
    _, layout, _ = read(dict(zip(names[::-1], (test, train), strict=False)), pictures)
    splits = [(a.label, a.split) for a in layout.assignments]
    assert splits.count(("cat", "test")) == splits.count(("dog", "test")) == 5


@pytest.mark.parametrize("titles", [("car", "train", "bus"), ("normal", "test tube", "flask")])
def test_a_class_named_like_a_split_is_no_split(titles, read):
    marks = ("1,0,0", "0,1,0", "0,0,1")
    table = lines(f"file,{','.join(titles)}", lambda n: f"p{n}.jpg,{marks[n % 3]}")
    assert read({"labels.csv": table})[1].classes == tuple(sorted(titles))


@pytest.mark.parametrize(
    "others",
    [
        {"config.json": {"points": [1, 2]}},
        {"landmarks.json": {f"p{n}.jpg": {"points": [[n, 2], [3, 4]]} for n in range(8)}},
        {"layout.xml": "<page><box x='1'/><polygon points='1,2'/></page>"},
        {"images/p1.txt": "20.1 55 1013 3 7\n", "images/p2.txt": "19.8 54 1012 3 7\n"},
        {"p0.xml": "<annotation><bndbox><xmin>1</xmin></bndbox></annotation>"},
        {"captions.json": {f"p{n}.jpg": f"a dog {n // 4}" for n in range(8)}},
        {"captions.json": {f"p{n}.jpg": [f"a dog {n}", "an animal"] for n in range(8)}},
        {"duplicates.json": {"p1.jpg": ["p2.jpg"], "p3.jpg": ["p4.jpg"]}},
        {
            "camera.csv": "file,camera,lens\n"
            + "".join(f"p{n},c{n // 4},{n % 2}\n" for n in range(8))
        },
    ],
    ids=lambda others: next(iter(others)),
)
def test_other_files_beside_a_table_of_labels_are_not_labels(others, read):
    written = {k: v if isinstance(v, str) else json.dumps(v) for k, v in others.items()}
    assert read(written | {"meta.csv": rows()})[0] == LABELS


def test_files_of_other_things_do_not_hide_labels_in_file_names(read):
    pictures = [f"{label}_{n}.jpg" for label in ("cat", "dog") for n in range(4)]
    points = {name: {"points": [[1, 2]]} for name in pictures}
    others = {"landmarks.json": json.dumps(points), "duplicates.json": '{"cat_1.jpg": "cat_2.jpg"}'}
    assert read(others, pictures)[1].classes == ("cat", "dog")


def test_a_list_of_training_pictures_is_read_beside_boxes_and_class_folders(read):
    pictures = [f"{label}/{n}.jpg" for label in ("cat", "dog") for n in range(20)]
    lists = {"test.txt": listed(5, 5), "cat/0.txt": "0 0.5 0.5 0.2 0.2\n"}
    splits = [(a.label, a.split) for a in read(lists, pictures)[1].assignments]
    assert splits.count(("cat", "test")) == 5 and splits.count(("dog", "train")) == 15


def test_captions_do_not_replace_labels_by_their_title(read):
    captions = lines("file,annotation", lambda n: f"p{n}.jpg,dog {n}")
    assert read({"captions.csv": captions, "kinds.csv": rows("animal")})[0] == LABELS
    said = json.dumps([{"image": f"p{n}.jpg", "caption": f"dog {n // 4}"} for n in range(8)])
    assert read({"captions.json": said, "kinds.csv": rows("animal")})[0] == LABELS


@pytest.mark.parametrize("name", ["p0.json", "p0.jsonl", "images/p0.manifest", "p0.jpg.json"])
def test_a_table_may_be_named_like_one_of_the_pictures(name, read):
    line = "" if name.endswith(".json") else "\n"
    content = line.join(map(json.dumps, RECORDS)) if line else json.dumps(RECORDS)
    assert read({name: content})[0] == LABELS


def test_the_label_of_a_picture_is_read_behind_many_other_cells(read):
    cells = {f"reading {n}": n for n in range(200)}
    files = {f"images/p{n}.json": json.dumps({"a": cells, "label": "ab"[n % 2]}) for n in range(8)}
    assert read(files)[0] == LABELS


def test_the_column_of_files_names_the_most_pictures_not_the_most_rows(read):
    numbers = [n for n in range(40) if n != 33]  # one picture cannot be read
    table = "filename,label\n" + "".join(f"{n}.png,{n % 2}\n" for n in range(40))
    found, layout, _ = read({"labels.csv": table}, [f"{n}.png" for n in numbers])
    assert layout.classes == ("0", "1") and found["39.png"] == "1"
    table = "label,id\n" + "".join(f"{n % 4},{n}\n" for n in range(40))
    assert read({"labels.csv": table}, [f"{n}.png" for n in range(40)])[1].classes == tuple("0123")


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp932", ("トマト", "ソテー", "タマネギ", "チーズ", "能面")),
        ("big5", ("成功的人", "許多蘋果", "閱讀文章", "枯葉")),
        ("gb18030", ("乗車", "苹果乗", "玫瑰乗")),
    ],
)
def test_bytes_that_are_also_punctuation_do_not_cut_characters(encoding, words, read):
    assert any(0x5B <= byte <= 0x7E for word in words for byte in word.encode(encoding)[1::2])
    cells = {f"p{n}": words[n % len(words)] for n in range(2 * len(words))}
    pictures = [f"{name}.jpg" for name in cells]
    table = rows(**cells).encode(encoding)
    assert read({"labels.csv": table}, pictures)[1].classes == tuple(sorted(words))


def test_a_long_table_is_not_cut_inside_a_character(tmp_path):
    for n in range(4):
        lines = "x" * n + "\n" + "p1.jpg,トマト\n" * 8_000
        (tmp_path / "labels.csv").write_bytes(lines.encode("cp932"))
        assert tables.read_text(tmp_path / "labels.csv") == lines


def test_marks_of_properties_are_no_classes_beside_a_column_of_classes(read):
    table = lines("file,male,old,finding", lambda n: f"p{n},{n // 2 % 2},{n // 4},{'ab'[n % 2]}")
    assert read({"labels.csv": table})[0] == LABELS
    table = lines("image,a,b,site", lambda n: f"p{n}.jpg,{1 - n % 2},{n % 2},s{n // 4}")
    assert read({"labels.csv": table})[0] == LABELS


@pytest.mark.parametrize(
    ("titles", "row", "splits"),
    [
        ("fold,split", "{fold},{part}", ["train", "test"]),
        ("is_valid", "{test}", ["train", "test"]),
        ("is_valid,is_test", "{third},{test}", ["validation", "test"]),
        ("is_train,is_valid", "{train},{test}", ["train", "test"]),
    ],
)
def test_the_split_is_in_the_column_that_has_its_words(titles, row, splits, read):
    def cells(n: int) -> str:
        late, third = n // 6, int(n in (4, 5))
        part = ("train", "test")[late]
        return row.format(fold=n % 4, part=part, test=late, train=1 - late, third=third)

    table = lines(f"file,kind,{titles}", lambda n: f"p{n}.jpg,{'ab'[n % 2]},{cells(n)}")
    found, layout, _ = read({"labels.csv": table})
    assert found == LABELS
    assert [layout.assignments[n].split for n in (5, 6)] == splits
    assert layout.assignments[0].split == "train"


@pytest.mark.parametrize("char", ["\u2028", "\x85", "\x0c"])
def test_only_line_breaks_end_a_line(char, read):
    records = (json.dumps({**r, "text": f"a{char}b"}, ensure_ascii=False) for r in RECORDS)
    if char != "\x0c":  # JSON escapes it
        assert read({"labels.jsonl": "\n".join(records)})[0] == LABELS
    table = "\r\n".join(line.replace(",b", f",b{char}b") for line in rows().splitlines())
    found = read({"labels.csv": table})[0]
    assert len(set(found.values())) == 2 and not any("label" in label for label in found.values())


@pytest.mark.parametrize("top", ["", "# exported\n"])
def test_a_list_without_titles_may_begin_with_a_missing_picture(top, read):
    lines = ["p98.jpg,x", "p99.jpg,y", *rows().splitlines()[1:]]
    found, layout, notes = read({"list.csv": top + "\n".join(lines)})
    assert found == LABELS and layout.classes == ("a", "b")
    assert "2 rows name no picture" in notes["labels_from"].sentence
    assert "from column 2 of list.csv" in notes["labels_from"].sentence


def test_a_key_of_a_record_does_not_replace_the_name_of_its_picture(read):
    files = {f"p{n}.json": json.dumps({"file": "x", "label": "ab"[n % 2]}) for n in range(8)}
    assert read(files)[0] == LABELS
    records = {f"p{n}.jpg": {"key": "ab"[n % 2], "n": 1} for n in range(8)}
    assert read({"labels.json": json.dumps(records)})[0] == LABELS


@pytest.mark.parametrize(
    "odd",
    ["a" * 2_000 + "-" * 2_000, "1(a" + "(" * 4_000 + "1", "12" * 2_000, " -" * 2_000 + "("],
    ids=["separators", "brackets", "digits", "spaces"],
)
def test_a_long_odd_name_takes_no_longer_than_others(odd, read):
    names = [f"{label}_{n}{odd}.jpg" for label in ("cat", "dog") for n in range(4)]
    with pytest.raises(BadDataset):
        read({}, [*names, f"{odd}.jpg"])


def test_a_word_for_no_label_is_no_class(read):
    found, layout, _ = read({"labels.csv": rows(p0="?", p1="unlabeled", p2="Unlabelled")})
    assert layout.classes == ("a", "b") and sum("label" in each for each in found.values()) == 3
    marks = lines(
        "file,a,b,Unlabeled", lambda n: f"p{n}.jpg,{n % 3 // 2},{n % 3 % 2},{n % 3 < 1:d}"
    )
    assert read({"_classes.csv": marks})[1].classes == ("a", "b")


def test_a_label_that_its_annotator_rejected_is_none(read):
    answers = ["accept"] * 6 + ["reject", "ignore"]
    records = [
        {"image": f"p{n}.jpg", "label": "ab"[n % 2], "answer": answer}
        for n, answer in enumerate(answers)
    ]
    found, *_ = read({"export.jsonl": "\n".join(map(json.dumps, records))})
    assert list(found.values())[:6] == ["a", "b"] * 3
    assert all(reason.startswith("Without a label") for reason in list(found.values())[6:])
    qualities = lines("file,answer", lambda n: f"p{n}.jpg,{('accept', 'reject')[n % 2]}")
    assert read({"list.csv": qualities})[1].classes == ("accept", "reject")
    of_one = lines("file,label,answer", lambda n: f"p{n}.jpg,cat,{('accept', 'reject')[n % 2]}")
    assert read({"list.csv": of_one})[1].classes == ("accept", "reject")


@pytest.mark.parametrize("folder", ["unsorted", "to sort", "unlabeled"])
def test_labels_of_pictures_that_are_all_unsorted_are_read(folder, read):
    pictures = [f"{folder}/p{n}.jpg" for n in range(8)]
    assert read({"labels.csv": rows()}, pictures)[1].classes == ("a", "b")
    named = [f"{folder}/{label}_{n}.jpg" for label in ("cat", "dog") for n in range(4)]
    assert read({}, named)[1].classes == ("cat", "dog")


def test_words_before_a_number_may_be_those_of_classes(read):
    classes = ("door", "door_frame", "mri_scan")
    names = [f"{label}_{n}.jpg" for label in classes for n in range(4)]
    assert read({}, names)[1].classes == classes


def test_labels_of_a_file_per_picture_are_said_to_be_in_all_of_them(read):
    files = {f"p{n}.json": json.dumps({"label": "ab"[n % 2]}) for n in range(8)}
    found, _, notes = read(files)
    assert found == LABELS and "p0.json and 7 files like it" in notes["labels_from"].sentence


def test_a_list_of_pictures_without_labels_is_no_split(read):
    table = lines("file,label", lambda n: f"p{n}.jpg,{'ab'[n % 2]}")
    _, layout, notes = read(
        {"train.csv": table, "test.csv": "file\nx0.jpg\nx1.jpg\n"}, [*FILES, "x0.jpg", "x1.jpg"]
    )
    assert not layout.predefined and "split" not in notes["labels_from"].sentence


def test_days_are_no_labels(read):
    table = lines("file,taken", lambda n: f"p{n}.jpg,0{1 + n % 3}.05.2024")
    with pytest.raises(NoClasses, match="If list\\.csv has the labels"):
        read({"list.csv": table})


@pytest.mark.parametrize("both", ["hot dog", "hot/dog", "hot & dog"])
def test_a_label_of_several_words_is_one(read, both):
    labels = ("hot", "dog", both)
    table = lines("file,label", lambda n: f"p{n}.jpg,{labels[n % 3]}")
    assert set(read({"list.csv": table})[0].values()) == set(labels)


@pytest.mark.parametrize(
    "labels", [("か", "が"), ("И", "Й"), ("2024-05-01", "2024-05-02"), ("sí", "no"), ("Bär", "Bar")]
)
def test_labels_that_differ_little_stay_apart(read, labels):
    table = lines("file,label,sex", lambda n: f"p{n}.jpg,{labels[n % 2]},{'mf'[n // 4]}")
    assert set(read({"list.csv": table})[0].values()) == set(labels)


@pytest.mark.parametrize(
    ("title", "reported"), [("split", True), ("partition", True), ("fold", False)]
)
def test_a_column_of_splits_that_is_not_understood_is_a_finding(read, title, reported):
    table = lines(f"file,label,{title}", lambda n: f"p{n}.jpg,{'ab'[n % 2]},{n // 4}")
    found, layout, notes = read({"list.csv": table})
    assert found == LABELS and not layout.predefined
    assert ("split_not_read" in notes) is reported


@pytest.mark.parametrize("repeated", ["", ",site"])
def test_labels_that_have_nothing_to_do_with_the_folders_are_mentioned(read, repeated):
    pictures = [f"{folder}/{folder}{n}.jpg" for folder in ("meadow", "forest") for n in range(4)]
    site = [picture.split("/")[0] for picture in pictures] if repeated else [""] * 8
    table = lines(
        f"file,species{repeated}", lambda n: f"{pictures[n]},{('deer', 'fox')[n % 2]},{site[n]}"
    )
    _, layout, notes = read({"list.csv": table}, pictures)
    assert layout.classes == ("forest", "meadow")
    assert "deer and fox" in notes["other_labels"].sentence
    finer = lines("file,species", lambda n: f"{pictures[n]},{pictures[n][0]}{n % 2}")
    assert (
        "f0, f1, m0 and 1 more" in read({"list.csv": finer}, pictures)[2]["other_labels"].sentence
    )
    codes = lines("file,class_id", lambda n: f"{pictures[n]},{n // 4}")
    assert "other_labels" not in read({"list.csv": codes}, pictures)[2]
    for cell in ("jpg", "tag {}"):
        others = lines("file,tag", lambda n, cell=cell: f"{pictures[n]},{cell.format(n)}")
        assert "other_labels" not in read({"list.csv": others}, pictures)[2]


@pytest.mark.parametrize(
    ("folders", "classes"),
    [(("raw", "cropped"), "NIR RGB"), (("new", "old"), "new old"), (("A320", "B737"), "A320 B737")],
)
def test_labels_of_a_table_count_if_folders_are_named_like_parts(read, folders, classes):
    pictures = [f"{folder}/{folder}{n}.jpg" for folder in folders for n in range(4)]
    table = lines("file,type", lambda n: f"{pictures[n]},{('RGB', 'NIR')[n % 2]}")
    assert read({"table.csv": table}, pictures)[1].classes == tuple(classes.split())


@pytest.mark.parametrize("file", ["labels.xlsx", "train.parquet", "labels.yaml"])
def test_a_file_that_may_have_the_labels_is_named(read, file):
    with pytest.raises(NoClasses, match=f"If {file} has the labels, save it as CSV"):
        read({file: "no table"})
    with pytest.raises(BadDataset, match=f"{file} holds none"):
        read({file: b"PAR1" * 9, "README.md": "x"}, [])


def test_a_table_that_is_too_large_to_be_read_is_named(read):
    table = lines("file,label", lambda n: f"p{n}.jpg,{'ab'[n % 2]}") + " " * tables.LARGEST
    with pytest.raises(NoClasses, match=r"If large\.csv has the labels.*16 MB"):
        read({"large.csv": table})


def test_boxes_are_no_obstacle_if_file_names_have_labels(read):
    pictures = [f"images/{label}_{n}.jpg" for label in ("cat", "dog") for n in range(4)]
    boxes = {f"xmls/cat_{n}.xml": "<object><bndbox></bndbox></object>" for n in range(4)}
    lists = {"trainval.txt": "cat_0\ncat_1\ncat_2\ndog_0\ndog_1\n", "test.txt": "cat_3\ndog_3\n"}
    _, layout, notes = read(boxes | lists, pictures)
    assert layout.classes == ("cat", "dog") and layout.predefined
    assert "Pascal VOC" in notes["boxes"].sentence
    assert "trainval.txt and test.txt" in notes["labels_from"].sentence
    for words in (("video1", "video2"), ("train", "test")):
        frames = [f"{word}_{n}" for word in words for n in range(4)]
        boxes = {f"xmls/{frame}.xml": "<object><bndbox></bndbox></object>" for frame in frames}
        with pytest.raises(BadDataset, match="object detection"):
            read(boxes, [f"images/{frame}.jpg" for frame in frames])


@pytest.mark.parametrize("box", ["bbox_x1,bbox_y1", "bbox,source"])
def test_a_box_beside_the_label_of_each_picture_is_no_obstacle(read, box):
    table = lines(f"file,{box},class", lambda n: f"p{n}.jpg,3,4,{'ab'[n % 2]}")
    assert read({"train.csv": table})[0] == LABELS


@pytest.mark.parametrize("above", ["Cam0", "photos/Cam0"])
def test_folder_and_file_may_be_two_columns(read, above):
    pictures = [f"{above}{camera}/IMG_{n}.JPG" for camera in (1, 2, 3) for n in range(4)]
    table = "File,RelativePath,DateTime,Species,Count\n" + "".join(
        f"IMG_{n}.JPG,Cam0{camera},2024-05-0{n + 1} 10:00,{('deer', 'fox')[(n + camera) % 2]},1\n"
        for camera in (1, 2, 3)
        for n in range(4)
    )
    found, layout, _ = read({"TimelapseData.csv": table}, pictures)
    assert layout.classes == ("deer", "fox")
    assert found[f"{above}1/IMG_0.JPG"] == "fox" and found[f"{above}2/IMG_0.JPG"] == "deer"


def test_lists_of_the_split_are_named_beside_the_table_of_labels(read):
    lists = {"train.txt": "".join(f"p{n}.jpg\n" for n in range(6)), "test.txt": "p6.jpg\np7.jpg\n"}
    _, layout, notes = read({"labels.csv": rows()} | lists)
    assert layout.predefined
    sentence = notes["labels_from"].sentence
    assert "the column label of labels.csv" in sentence and "train.txt and test.txt" in sentence
