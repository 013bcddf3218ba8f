"""The manifest of a run knows every file, and notices when one is another."""

import json

import pytest

from core.errors import RunDamaged
from core.runs import filenames, manifest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"abc")
    (tmp_path / "report.json").write_bytes(b"{}")
    results = [path for path in tmp_path.rglob("*") if path.is_file()]
    manifest.write(tmp_path, results, name="Shapes", completed_at=5.5, seconds=2.5)
    return tmp_path


def test_it_lists_files_by_their_path_with_their_sha256(folder):
    found = manifest.read(folder)
    assert list(found.files) == ["model/weights", "report.json"]
    assert found.files["model/weights"] == ABC
    assert (found.version, found.name, found.completed_at, found.seconds) == (1, "Shapes", 5.5, 2.5)
    assert json.loads((folder / filenames.MANIFEST).read_text())["files"] == found.files


def test_files_that_are_as_they_were_pass(folder):
    manifest.check(folder, ["model/weights", "report.json"])
    manifest.check(folder, [])


def test_a_file_that_is_changed_missing_or_not_listed_does_not(folder):
    (folder / "report.json").write_bytes(b"{} ")
    (folder / "more").write_bytes(b"abc")
    manifest.check(folder, ["model/weights"])
    for name in ("report.json", "more", "none", "model"):
        with pytest.raises(RunDamaged, match=f"^{name} of this run is not the file"):
            manifest.check(folder, ["model/weights", name])


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"files": {}}'])
def test_a_manifest_that_cannot_be_read_says_so(folder, content):
    (folder / filenames.MANIFEST).unlink()
    if content is not None:
        (folder / filenames.MANIFEST).write_bytes(content)
    with pytest.raises(RunDamaged, match="not complete, or its manifest is damaged"):
        manifest.check(folder, ["report.json"])
