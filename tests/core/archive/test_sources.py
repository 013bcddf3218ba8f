import os
from pathlib import Path

import pytest

from core.archive import sources
from core.archive.inspection import LINK, LINKED_FOLDER
from core.errors import LimitExceeded
from core.settings import Settings
from tests.core.zips import Part, build

PICTURE = b"a picture"


def test_a_folder_is_listed_with_its_subfolders_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.jpg", "2.jpg", "B1.jpg", "a/3.jpg", "a/b/1.jpg", ".hidden.jpg", "²x.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PICTURE)
    found = [Path(source.name).relative_to(tmp_path) for source in sources.in_folder(tmp_path)]
    assert list(map(str, found)) == ["2.jpg", "10.jpg", "a/3.jpg", "a/b/1.jpg", "B1.jpg", "²x.jpg"]


def test_links_to_folders_are_listed_with_the_reason_and_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for each in (folder, elsewhere):
        each.mkdir()
        (each / "1.jpg").write_bytes(PICTURE)
    (folder / "2.jpg").symlink_to(elsewhere / "1.jpg")
    (folder / "rose").symlink_to(elsewhere, target_is_directory=True)
    for name in ("gone.jpg", "notes.txt"):
        (folder / name).symlink_to(tmp_path / "gone")
    found = {Path(source.name).name: source.problem for source in sources.in_folder(folder)}
    assert found == {"1.jpg": "", "2.jpg": "", "gone.jpg": LINK, "rose": LINKED_FOLDER}


def test_files_with_the_names_of_pictures_are_reported_if_they_cannot_be_read(
    tmp_path: Path,
) -> None:
    pictures = ["a.JPG", "b.hif", "c.mpo", "d.tga", "e.dcm", "f.RAF"]
    for name in (*pictures, "notes.txt", "table.csv"):
        (tmp_path / name).write_bytes(PICTURE)
    found = [Path(source.name).name for source in sources.in_folder(tmp_path) if source.required]
    assert found == pictures


def test_the_pictures_of_a_zip_are_listed_in_natural_order_also_damaged_ones(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "some.zip"
    parts = [Part("bad.jpg", PICTURE, checksum=1), Part("bad.txt", b"words", checksum=1)]
    names = ("10.jpg", "9.jpg", "001.jpg", "__MACOSX/9.jpg", "inner/1.jpg")
    path.write_bytes(build(*parts, *(Part(name, PICTURE) for name in names)))
    prefix = "9" * 5_000 + "/"
    *good, bad, inner = sources.in_archive(path, tmp_path / "out", settings, prefix=prefix)
    listed = [source.name.removeprefix(prefix) for source in (*good, bad, inner)]
    assert listed == ["001.jpg", "9.jpg", "10.jpg", "bad.jpg", "inner/1.jpg"]
    assert all(source.content.read_bytes() == PICTURE for source in (*good, inner))
    assert bad.content is None
    assert "Damaged inside the archive" in bad.problem


def test_unusable_paths_are_listed_with_their_problem(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "good.jpg").write_bytes(PICTURE)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    (tmp_path / "climbing.zip").write_bytes(build(Part("../out.jpg", PICTURE)))
    (tmp_path / "empty").mkdir()
    paths = ["gone.jpg", "empty", "bad.zip", "climbing.zip", "x" * 5_000, "good.jpg"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = sources.find([tmp_path / name for name in paths], scratch, settings)
    assert [Path(source.name).name for source in found] == paths
    assert [bool(source.problem) for source in found] == [True] * 5 + [False]
    assert not (tmp_path / "out.jpg").exists()
    assert not [file for _, _, files in os.walk(scratch) for file in files]


def test_an_undecodable_name_is_made_printable(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg"))
    path.write_bytes(PICTURE)
    (source,) = sources.in_folder(tmp_path)
    assert source.name.encode().endswith("\ufffd.jpg".encode())
    assert source.content == path


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    sources.list_files(tmp_path, tmp_path / "links", Settings(archive_entries=3))
    with pytest.raises(LimitExceeded, match="up to 2 entries"):
        sources.list_files(tmp_path, tmp_path / "links", Settings(archive_entries=2))
