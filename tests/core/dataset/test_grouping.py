"""Groups that a visitor chooses: which are detected, and how a split treats them."""

import unicodedata
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from PIL import Image

from core import checks, intake
from core.archive.unpacking import Member
from core.dataset import Dataset, Example, grouping, known_groups, split, splitting, tables
from core.errors import BadDataset, BadInput
from core.settings import Settings
from tests import shapes

BOTH = ("cat", "dog")
SPLITS = ("train", "validation", "test")


def named(names: list[str], *, predefined: bool = False) -> Dataset:
    """A dataset of files; the class is the folder that is `cat` or `dog`, or else the first."""
    labels = [next((p for p in n.split("/") if p in BOTH), n.split("/")[0]) for n in names]
    classes = tuple(sorted(set(labels)))
    examples = tuple(
        Example(
            name=name,
            path=name,
            label=classes.index(label),
            sha256=f"{number:064}",
            width=9,
            height=9,
            split=name.split("/")[0] if predefined else None,
        )
        for number, (name, label) in enumerate(zip(names, labels, strict=True))
    )
    return Dataset(name="x", classes=classes, examples=examples, predefined=predefined)


def files(form: str, *counts: int, classes: tuple[str, ...] = BOTH) -> list[str]:
    """Names by a form with `{c}` for the class and `{0}`, `{1}`, … for numbers."""
    return [form.format(*numbers, c=label) for label in classes for numbers in np.ndindex(*counts)]


def detected(names: list[str], **options: bool) -> list[tuple[str, int, str]]:
    return [(s.by, s.groups, s.examples[0]) for s in grouping.suggest(named(names, **options))]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (files("{c}/patient_{0}_img_{1}.png", 12, 5), ("prefix", 12, "patient_0")),
        (files("{c}/site{0:02}-{1:04}.jpg", 10, 8), ("prefix", 10, "site00")),
        (files("{c}/{c}_site{0}_{1}.jpg", 9, 9), ("prefix", 9, "site0")),
        (files("{c}/2024-05-1{0}_0{1}-2{2}.jpg", 9, 2, 3), ("prefix", 9, "2024-05-10")),
        (files("{c}/IMG_2024051{0}_0{1}2{2}00.jpg", 9, 2, 3), ("prefix", 9, "IMG_20240510")),
        (files("{c}/video{0}/frame_{1:05}.jpg", 8, 9), ("folder", 8, "video0")),
        (files("site{0}/{c}/{1}.jpg", 9, 9), ("folder", 9, "site0")),
        (files("train/{c}/site{0:02}-{1:04}.jpg", 10, 8), ("prefix", 10, "site00")),
        (files("{c}/{0}_{1}.jpeg", 60, 2), ("prefix", 60, "0")),
    ],
)
def test_real_layouts_are_detected(names, expected):
    assert detected(names)[0] == expected


@pytest.mark.parametrize(
    "names",
    [
        files("{c}/IMG_{0}.jpg", 100),  # numbers of a camera
        files("{c}/{c}.{0}.jpg", 100),  # the class
        files("{c}/{c}_{0}.JPEG", 60, classes=("n01443537", "n01514668")),
        files("{c}/frame_{0:05}.jpg", 60),
        files("{c}/{0:03}.jpg", 60),  # the same numbers in each class
        files("{c}/{0:03}_x.jpg", 60),
        files("{c}/cam{0}_{1}.jpg", 2, 60),  # two cameras
        [f"{c}/{(n * 7919) % 99991:08x}-4a{n:02x}.jpg" for c in BOTH for n in range(90)],
        [
            f"{c}/{c.split('.')[1]}_{n:04}_{n * 7919}.jpg"
            for c in ("1.Sooty_Albatross", "2.Laysan_Albatross", "3.Crested_Auklet", "4.Ani")
            for n in range(30)
        ],
        files("{c}/only/{0}.jpg", 60),
        files("{c}/{c}s{0}-{1}.jpg", 2, 9, classes=("ant", "bee", "cow", "cat")),  # two per class
    ],
)
def test_what_is_no_group_is_not_suggested(names):
    assert detected(names) == []


def test_the_coarsest_level_comes_first_and_others_can_be_chosen():
    pictures = named(files("{c}/site{0}_cam{1}_{2}.jpg", 7, 3, 4))
    assert detected(files("{c}/site{0}_cam{1}_{2}.jpg", 7, 3, 4)) == [
        ("prefix", 7, "site0"),
        ("prefix:2", 21, "site0_cam0"),
    ]
    assert grouping.group(pictures, "prefix").examples[0].group_name == "site0"
    finer = grouping.group(pictures, "prefix:2")
    assert (finer.grouped_by, finer.examples[0].group_name) == ("prefix:2", "site0_cam0")
    assert grouping.group(finer, "").examples[0].group_name == ""


def test_folders_of_a_predefined_split_are_no_groups():
    names = [f"{part}/{n}" for part in ("train", "test") for n in files("{c}/s{0}/{1}.jpg", 6, 3)]
    assert detected(names, predefined=True) == [("folder", 6, "s0")]


@pytest.mark.parametrize(
    ("names", "by", "refusal", "words"),
    [
        (files("{c}/{0}.jpg", 9), "folder", BadInput, "folders above or below"),
        (files("{c}/{0}.jpg", 9), "prefix", BadInput, "site03_0001.jpg"),
        (files("{c}/{0}.jpg", 9), "day", BadInput, "EXIF"),
        (files("{c}/{0}.jpg", 9), "colour", BadInput, "folder, prefix, day, device or FILE.csv"),
        (files("{c}/a{0}_{1}.jpg", 4, 3), "prefix:7", BadInput, "'prefix:7'"),
        (files("{c}/a{0}_{1}.jpg", 4, 3), "prefix:0", BadInput, "prefix:0"),
        (files("{c}/a{0}_{1}.jpg", 2, 9), "prefix", BadDataset, "at least 3 groups"),
    ],
)
def test_pictures_that_cannot_be_grouped_are_refused_in_a_sentence(names, by, refusal, words):
    with pytest.raises(refusal) as error:
        grouping.group(named(names), by)
    assert words in str(error.value)


def test_groups_that_are_the_classes_are_refused():
    names = ["cat/a1_1.jpg", "cat/a1_2.jpg", "dog/b1_1.jpg", "dog/b1_2.jpg"]
    pictures = named([*names, "cow/c1_1.jpg", "cow/c1_2.jpg"])
    column = tables.Column(
        name="t.csv:kind", groups={e.name: e.name[:3] for e in pictures.examples}
    )
    with pytest.raises(BadDataset, match="are the classes"):
        grouping.group(pictures, "t.csv:kind", [column])


def test_a_chosen_group_is_never_divided_and_every_class_is_in_every_part():
    pictures = grouping.group(named(files("{c}/site{0:02}_{1}.jpg", 12, 7)), "prefix")
    for seed in range(20):
        result = split(pictures, validation=0.15, test=0.15, seed=seed)
        parts = defaultdict(set)
        for example in result.examples:
            parts[example.group_name].add(example.split)
        assert all(len(found) == 1 for found in parts.values())
        assert all(result.counts(part)[label] for label in (0, 1) for part in SPLITS)
        tested = sum(part == {"test"} for part in parts.values())
        assert known_groups.new(result) == (tested, 0)
        assert splitting.leaked(result) == 0


def test_chosen_groups_are_joined_with_near_duplicates():
    pictures = grouping.group(named(files("{c}/site{0:02}_{1}.jpg", 12, 7)), "prefix")
    same = (3 if place in (0, 7) else None for place in range(168))  # one picture at two sites
    joined = pictures.with_each("group", same)
    assert len(splitting.units_of(joined.examples, range(168))) == 11
    assert len(splitting.units_of(joined.examples, range(168), chosen=False)) == 167
    result = split(joined, validation=0.15, test=0.15, seed=0)
    found = {e.split for e in result.examples if e.group_name in ("site00", "site01")}
    assert len(found) == 1


def test_classes_of_two_groups_each_leave_something_for_every_part():
    names = [f"{c}/{c[0]}{group}_{n}.jpg" for c in BOTH for group in (1, 2) for n in range(6)]
    result = split(grouping.group(named(names), "prefix"), validation=0.15, test=0.15, seed=0)
    assert all(len(result.of(part)) == 6 for part in ("validation", "test"))
    assert {example.label for example in result.of("train")} == {0, 1}


def test_classes_come_close_to_their_shares_though_sites_differ():
    names = [
        f"{BOTH[n < 2 + 6 * (site % 2)]}/site{site:02}_{n}.jpg"
        for site in range(20)
        for n in range(10)
    ]
    pictures = grouping.group(named(names), "prefix")
    for seed in range(30):
        result = split(pictures, validation=0.2, test=0.2, seed=seed)
        for label in (0, 1):
            share = result.counts("test")[label] / result.counts()[label]
            assert 0.15 <= share <= 0.25


@property_settings(max_examples=50, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99), validation=st.sampled_from([0.0, 0.15]))
def test_chosen_groups_of_any_kind_are_divided_as_wanted(data, seed, validation):
    count = data.draw(st.integers(1, 40))
    pairs = st.tuples(st.sampled_from("abcd"), st.integers(0, 12))
    drawn = data.draw(st.lists(pairs, min_size=count, max_size=count))
    pictures = named([f"{label}/g{g}_{n}.jpg" for n, (label, g) in enumerate(drawn)])
    pictures = pictures.with_each("group_name", (f"g{g}" if g else "" for _, g in drawn))
    pictures = pictures.model_copy(update={"grouped_by": "prefix"})
    examples = pictures.examples
    learned = {e.sha256 for e in examples[: data.draw(st.integers(0, 5))]}
    result = split(pictures, validation=validation, test=0.2, seed=seed, learned=learned)
    parts = defaultdict(set)
    for example in result.examples:
        parts[example.group_name or example.name].add(example.split)
    assert all(len(found) == 1 for found in parts.values())
    assert {e.label for e in result.of("train")} == {e.label for e in examples}
    assert bool(result.of("validation")) <= bool(validation)
    assert splitting.leaked(result, learned) == 0


def exif(day: str, model: str, make: str = "Canon") -> bytes:
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = make, model
    tags.get_ifd(0x8769)[0x9003] = day
    return tags.tobytes()


def taken(folder: Path, day: str, model: str, make: str = "Canon") -> Example:
    source = folder / "x.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for label in (0, 1):
            content = shapes.encoded(shapes.draw(label), exif=exif(day, model, make))
            archive.writestr(f"{shapes.NAMES[label]}/1.jpg", content)
    return intake.ingest(source, "x", folder / "in", Settings()).dataset.examples[0]


@pytest.mark.parametrize(
    ("day", "model", "make", "expected"),
    [
        ("2024:05:01 10:22:33", "EOS 80D", "Canon", ("2024-05-01", "Canon EOS 80D")),
        ("2024:05:01 10:22:33", "Canon EOS 80D", "Canon", ("2024-05-01", "Canon EOS 80D")),
        ("0000:00:00 00:00:00", "", "", ("", "")),
        ("2024:13:45 10:22:33", "a\nb\tc\x1b[0m", "", ("", "a b c [0m")),
        ("1970:01:01 00:00:00", "x" * 900, "", ("", "x" * 60)),
    ],
)
def test_day_and_device_are_read_from_exif_and_sanitised(tmp_path, day, model, make, expected):
    example = taken(tmp_path, day, model, make)
    assert (example.day, example.device) == expected


def test_cameras_of_one_model_are_told_apart_by_a_hash_of_their_serial_number(tmp_path):
    found = []
    for serial in ("0123", "4567", "0123"):
        tags = Image.Exif()
        tags[0x0110] = "HC600"
        tags.get_ifd(0x8769)[0xA431] = serial
        source = tmp_path / f"{len(found)}.zip"
        shapes.sites_zip(tmp_path, sites=2, per_site=6, name=source.name, exif=tags.tobytes())
        dataset = intake.ingest(source, "x", tmp_path / source.stem, Settings()).dataset
        found.append(dataset.examples[0].device)
    assert found[0] == found[2] != found[1]
    assert all(device.startswith("HC600 #") and "0123" not in device for device in found)


def test_days_of_exif_are_suggested_and_group(tmp_path):
    source = tmp_path / "days.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for number in range(60):
            tags = exif(f"2024:05:{10 + number // 10} 10:00:00", "X1")
            content = shapes.encoded(shapes.draw(number % 2, number), exif=tags)
            archive.writestr(f"{shapes.NAMES[number % 2]}/{number}.jpg", content)
    examined = intake.ingest(source, "x", tmp_path / "in", Settings())
    assert [(s.by, s.groups) for s in examined.groupings] == [("day", 6)]
    grouped = intake.group(examined, "day")
    assert grouped.dataset.examples[0].group_name == "2024-05-10"
    (finding,) = [f for f in grouped.findings if f.code == "groups"]
    assert "6 groups by the day they were taken" in finding.sentence
    assert "10 pictures each" in finding.sentence
    assert "as low as 21 %" in finding.sentence  # one group in the test: Wilson, 1 of 1
    assert "34 groups" in finding.sentence and "57 %" in finding.sentence


def test_a_column_of_a_table_in_the_zip_is_suggested_and_groups(tmp_path):
    source = shapes.sites_zip(
        tmp_path, sites=6, per_site=12, file_name="{label}/{site}x{number}.jpg"
    )
    with zipfile.ZipFile(source, "a") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        rows = [f"{n.split('/')[1]};p{n.split('/')[1].split('x')[0]};{len(n)}" for n in names]
        archive.writestr("people.csv", "\n".join(["file;patient_id;length", *rows]))
    examined = intake.ingest(source, "x", tmp_path / "in", Settings())
    assert [s.by for s in examined.groupings] == ["people.csv:patient_id"]
    assert "columns" not in examined.dataset.model_dump()
    again = intake.group(intake.load(tmp_path / "in"), "people.csv:patient_id")
    assert {e.group_name for e in again.dataset.examples} == {f"p{n}" for n in range(6)}
    with pytest.raises(BadInput, match=r"people\.csv:patient_id"):
        intake.group(examined, "people.csv:name")


@pytest.mark.parametrize(
    "write",
    [
        lambda n, row: f" P{n}" if row % 2 else f"p{n} ",
        lambda n, row: (str(n), f"{n}.0", f"{n:03}")[row % 3],
        lambda n, _: "x" * 100 + str(n),
        lambda n, row: unicodedata.normalize("NFD" if row % 2 else "NFC", f"é{n}"),
    ],
    ids=["capitals", "numbers", "long", "accents"],
)
def test_odd_spellings_neither_divide_a_group_nor_join_two(write, tmp_path):
    names = [f"{n}_{row}.jpg" for n in range(6) for row in range(4)]
    table = tmp_path / "people.csv"
    cells = (f"{name},{write(int(name[0]), int(name[2]))}" for name in names)
    table.write_text("\n".join(["file,patient", *cells, "5_9.jpg,nan"]))
    (column,) = tables.columns([*names, "5_9.jpg"], [Member(name="people.csv", path=table)])
    groups = column.groups
    assert len({(name[0], group) for name, group in groups.items()}) == 6
    assert len(set(groups.values())) == 6 and "5_9.jpg" not in groups


def test_a_group_has_the_same_key_in_every_table(tmp_path):
    names = [f"{n}.jpg" for n in range(8)]
    cells = [f"{'x' * 100}{n}" for n in range(2)] + ["P1", "007"]
    keys = []
    for order, written in ((1, cells), (-1, [cell.swapcase() for cell in cells[:3]] + ["7.0"])):
        rows = [f"{name},{cell}" for name, cell in zip(names, 2 * written, strict=True)]
        (tmp_path / "t.csv").write_text("\n".join(["file,patient", *rows[::order]]))
        (column,) = tables.columns(names, [Member(name="t.csv", path=tmp_path / "t.csv")])
        keys.append({name: tables.group_key(group) for name, group in column.groups.items()})
    assert keys[0] == keys[1] and len(set(keys[0].values())) == 4


def test_a_column_of_another_table_groups_and_bad_ones_are_refused(tmp_path):
    source = shapes.sites_zip(tmp_path, sites=6, per_site=12)
    examined = intake.ingest(source, "x", tmp_path / "in", Settings())
    table = tmp_path / "sites.csv"
    names = [example.name for example in examined.dataset.examples]
    table.write_text("file,place\n" + "\n".join(f"{n},{n.split('site')[1][:2]}" for n in names))
    grouped = intake.group(examined, "sites.csv:place", table)
    assert {e.group_name for e in grouped.dataset.examples} == {f"{n:02}" for n in range(6)}
    with pytest.raises(BadInput, match="the column plaice that gives several of them"):
        intake.group(examined, "sites.csv:plaice", table)
    table.write_text("file,place\nx.jpg,1")
    with pytest.raises(
        BadInput, match=r"up to 16 MB with a column of file names.* found none in sites\.csv"
    ):
        intake.group(examined, "sites.csv:place", table)
    with pytest.raises(BadInput, match=r"Expected a table at .*gone\.csv"):
        intake.group(examined, "gone.csv:place", tmp_path / "gone.csv")


def test_a_split_of_folders_that_divides_groups_is_said():
    names = [f"{part}/{n}" for part in ("train", "test") for n in files("{c}/s{0}_{1}.jpg", 6, 3)]
    dataset = grouping.group(named(names, predefined=True), "prefix")
    finding = checks.describe_groups(dataset)
    assert finding.severity is checks.Severity.WARNS
    assert "6 groups in both training and test" in finding.sentence
    assert "Kept together" not in finding.sentence
    result = split(dataset, validation=0.15, test=0.15, seed=0)
    assert known_groups.new(result) == (0, 0)
    assert splitting.leaked(result) == 0, "no near-duplicates"


def test_columns_of_one_name_in_several_tables_are_one(tmp_path):
    pictures, members = [], []
    for part, patients in (("train", ("P1", "P2", "P3")), ("test", ("p3",))):
        names = {f"{part}/cat/{patient}_{n}.jpg": patient for patient in patients for n in range(4)}
        rows = [f"cat/{name.rpartition('/')[2]},{patient}" for name, patient in names.items()]
        (tmp_path / part).write_text("\n".join(["file_name,patient", *rows]))
        members.append(Member(name=f"{part}/metadata.csv", path=tmp_path / part))
        pictures += names
    (column,) = tables.columns(pictures, members)
    assert column.name == "metadata.csv:patient"
    sizes = Counter(column.groups[picture] for picture in pictures)
    assert sizes == {"P1": 4, "P2": 4, "P3": 8}


def test_a_table_in_which_most_patients_have_one_picture_groups(tmp_path):
    source = shapes.sites_zip(tmp_path, sites=6, per_site=12)
    examined = intake.ingest(source, "x", tmp_path / "in", Settings())
    names = [example.name for example in examined.dataset.examples]
    patients = [max(n, 24) for n in range(len(names))]  # one of 25 pictures, 47 of one
    table = tmp_path / "patients.csv"
    rows = [f"{n},{p % 2},{p},{i}" for i, (n, p) in enumerate(zip(names, patients, strict=True))]
    table.write_text("\n".join(["file,sex,patient,row", *rows]))
    intake.add_table(tmp_path / "in", table, "patients.csv")
    offered = {column.name for column in intake.load(tmp_path / "in").columns}
    assert offered == {"patients.csv:sex", "patients.csv:patient"}
    grouped = intake.group(intake.load(tmp_path / "in"), "patients.csv:patient")
    assert len({e.group_name for e in grouped.dataset.examples}) == 48


@pytest.mark.parametrize("title", ["site: name", "site:name.csv:x", ""])
def test_every_column_that_is_offered_can_be_chosen(title, tmp_path):
    source = shapes.sites_zip(tmp_path, sites=6, per_site=12)
    with zipfile.ZipFile(source, "a") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        rows = [f"{name},{name.split('site')[1][:2]}" for name in names]
        table = "\n".join([f"file,{title}", *rows])
        archive.writestr("sites.csv", table)
    examined = intake.ingest(source, "x", tmp_path / "in", Settings())
    (column,) = examined.columns
    (tmp_path / "sites.csv").write_text(table)
    for by in dict.fromkeys((column.name, f"sites.csv:{title}" if title else column.name)):
        for file in (None, tmp_path / "sites.csv"):
            grouped = intake.group(examined, by, file).dataset
            assert {e.group_name for e in grouped.examples} == {f"{n:02}" for n in range(6)}
            assert grouped.grouped_by == column.name


def test_pictures_without_a_group_are_no_new_groups():
    dataset = named(files("{c}/{0}_{1}.jpg", 8, 5))
    patients = (f"p{n // 4}" if n % 8 < 4 else "" for n in range(len(dataset.examples)))
    dataset = dataset.with_each("group_name", patients)
    dataset = dataset.model_copy(update={"grouped_by": "x.csv:patient"})
    result = split(dataset, validation=0.15, test=0.3, seed=0)
    tested = result.of("test")
    alone = sum(not e.group_name for e in tested)
    assert known_groups.new(result) == (len({e.group_name for e in tested} - {""}), alone)
    assert alone


@pytest.mark.parametrize(
    ("trained", "by", "new", "unknown"),
    [
        # The site is the same in all new names, so that the first level is the patient.
        ("{c}/siteA{0}_p{1}_x.jpg", "prefix", ["{c}/siteA1_p{0}_{1}.jpg"], set()),
        # All training pictures are of one site, so that their first level is the patient.
        (
            "{c}/siteA_p{0}_{1}.jpg",
            "prefix",
            ["{c}/siteA_q{0}_{1}.jpg", "{c}/siteB_q{0}_{1}.jpg"],
            {f"{site}_q{n}" for site in ("siteA", "siteB") for n in range(5)},
        ),
        # Another site, whose patients have the same numbers.
        (
            "{c}/siteA_p{0}_{1}.jpg",
            "prefix",
            ["{c}/siteB_p{0}_{1}.jpg"],
            {f"siteB_p{n}" for n in range(5)},
        ),
        # A folder around everything, and another one.
        ("first/site{0}/{c}/{1}.jpg", "folder", ["second/site{0}/{c}/{1}.jpg"], set()),
        ("first/site{0}/{c}/{1}.jpg", "folder", ["site{0}b/{c}/{1}.jpg"], {*range(5)}),
        ("a/s{0}/{c}/p{1}/x.jpg", "folder:2", ["b/s{0}/{c}/p{1}/y.jpg"], set()),
    ],
)
def test_groups_of_a_model_are_recognised_on_any_level_of_other_names(trained, by, new, unknown):
    earlier = grouping.group(named(files(trained, 5, 4)), by)
    earlier = earlier.with_each("split", ["train"] * len(earlier.examples))
    later = grouping.group(named([n for pattern in new for n in files(pattern, 5, 4)]), by)
    known = known_groups.find(later, earlier)
    assert known is not None
    names = {
        e.group_name for e, is_known in zip(later.examples, known, strict=True) if not is_known
    }
    assert len(names) == len(unknown)


def test_pictures_that_were_added_later_belong_to_the_groups_of_their_folders():
    names = files("site{0}/{c}/{1}.jpg", 6, 4)
    dataset = named([*names, *(f"added 1/{n.replace('.jpg', 'b.jpg')}" for n in names)])
    groups = Counter(e.group_name for e in grouping.group(dataset, "folder").examples)
    assert groups == {f"site{n}": 16 for n in range(6)}
