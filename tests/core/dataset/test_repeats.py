"""Folders that repeat the pictures of the class folders are left out."""

import zipfile

import pytest

from core.dataset import reading, repeats
from core.dataset.repeats import find
from core.errors import NoClasses
from core.settings import Settings
from tests.core.dataset import layouts
from tests.shapes import draw, encoded


def pictures(**folders: str) -> tuple[list[str], list[str]]:
    """Names and contents of pictures, of which each is a letter."""
    names = [
        (f"top/{folder}/{letter}.jpg", letter) for folder in folders for letter in folders[folder]
    ]
    return [name for name, _ in names], [content for _, content in names]


def folders(found: dict[str, str]) -> set[str]:
    assert set(found.values()) <= {repeats.REPEATED}
    return {name.split("/")[1] for name in found}


def test_loose_pictures_that_class_folders_repeat_are_left_out_with_a_finding(tmp_path):
    pictures = {f"{n}.png": encoded(draw(n % 3, n), "PNG") for n in range(9)}
    path = tmp_path / "loose.zip"
    with zipfile.ZipFile(path, "w") as target:
        for number, (name, content) in enumerate(pictures.items()):
            target.writestr(name, content)
            target.writestr(f"{('cat', 'dog')[number % 2]}/{name}", content)
    found = reading.read(path, tmp_path / "out", Settings())
    assert found.dataset.classes == ("cat", "dog") and len(found.dataset.examples) == 9
    assert ["the top level" in note.sentence for note in found.notes] == [True]


def test_a_tree_that_has_all_class_folders_again_is_left_out_once():
    names = [f"set/{label}/{n}.jpg" for label in ("cat", "dog") for n in range(3)]
    again = [f"data/{name}" for name in names]
    assert set(find([*names, *again], [*map(str, range(6))] * 2)) == set(again)
    assert find([*names, *again], [*map(str, range(12))]) == {}


def test_copies_in_a_test_folder_are_not_left_out():
    names = [f"train/{label}/{n}.jpg" for label in ("cat", "dog") for n in range(3)]
    leaks = [name.replace("train", "test") for name in names]
    assert find([*names, *leaks], [*map(str, range(6))] * 2) == {}


def test_of_folders_that_repeat_each_other_some_stay():
    names, contents = pictures(Images_part_1="abc", Images_part_2="def")
    again = [name.replace("Images", "images") for name in names]
    found = find([*names, *again], [*contents, *contents])
    assert folders(found) == {"Images_part_1", "Images_part_2"}


@pytest.mark.parametrize(
    ("held", "repeating"),
    [
        ({"cat": "abc", "dog": "def", "all": "abcdef"}, {"all"}),
        ({"cat": "abc", "dog": "def", "Photos": "abcdefgh"}, {"Photos"}),
        ({"class1": "abc", "class2": "def", "all": "abcdef"}, {"all"}),
        ({"cat": "abc", "dog": "def", "x2022": "ab", "x2023": "cdef"}, {"x2022", "x2023"}),
        ({"cat": "abc", "dog": "def", "best": "ad"}, {"best"}),
        ({"cat": "abc", "dog": "def", "test": "ad"}, set()),
        ({"Anna": "abc", "Ben": "def", "red": "ad", "blue": "bcef"}, set()),
        ({"cat": "abc", "dog": "def", "cow": "adg"}, set()),
        ({"cat": "abc", "dog": "def", "cow": "adgh"}, set()),
        ({"cat": "abc", "cat_copy": "abcd"}, set()),  # which is which cannot be known
        ({"cat": "abc", "dog": "abc", "cow": "abc"}, set()),
        ({"0": "abc", "1": "def", "2": "abcdef"}, set()),
    ],
)  # fmt: skip
def test_a_folder_that_has_the_pictures_of_all_others_is_found(held, repeating):
    assert folders(find(*pictures(**held))) == repeating


def test_only_folders_side_by_side_are_compared():
    names = [f"{part}/{c}/{n}.jpg" for part in ("train", "test") for c in "ab" for n in range(3)]
    assert not find(names, [str(n) for n in range(12)])
    extra = [f"train/all/{n}.jpg" for n in range(6)]
    found = find([*names, *extra], [*map(str, range(12)), *map(str, range(6))])
    assert found == dict.fromkeys(extra, repeats.REPEATED)


@pytest.mark.parametrize(
    "year",
    [
        "Google Photos/Photos from 2023",
        "Google Fotos/Fotos von 2023",
        "Google Fotos/Fotos del 2023",
        "Google Foto/Foto da 2023",
        "Google Foto's/Foto's uit 2023",
    ],
)
def test_the_years_of_takeout_are_left_out_with_a_finding(tmp_path, year):
    top = f"Takeout/{year.split('/')[0]}"
    names = [f"{top}/{c}/IMG_{n}.jpg" for c in ("Cats 2023", "Dogs") for n in range(3)]
    names += [f"Takeout/{year}/IMG_{n}.jpg" for n in range(9)]
    read = layouts.interpret(names, {f"{top}/Dogs/metadata.json": '{"title": "Dogs"}'}, tmp_path)
    assert read.layout.classes == ("Cats 2023", "Dogs")
    assert [a.reason for a in read.layout.assignments] == [""] * 6 + [repeats.BY_YEAR] * 9
    assert "repeated" not in [note.code for note in read.notes]  # they were not compared
    (note,) = [note for note in read.notes if note.code == "by_year"]
    assert len(note.files) == 9
    with pytest.raises(NoClasses, match="9 pictures in folders by year"):
        layouts.interpret(names[6:], {}, tmp_path)


def test_years_elsewhere_may_be_classes(tmp_path):
    names = [f"archive/Photos from {year}/{n}.jpg" for year in (1950, 1960) for n in range(3)]
    read = layouts.interpret(names, {}, tmp_path)
    assert read.layout.classes == ("Photos from 1950", "Photos from 1960")
