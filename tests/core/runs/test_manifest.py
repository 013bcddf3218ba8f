"""The manifest of a run knows every file, and notices when one is another."""

import json

import pytest

from core.errors import RunDamaged
from core.runs import Run, filenames
from core.runs.manifest import Manifest

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2


@pytest.fixture
def run(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"abc")
    (tmp_path / "report.json").write_bytes(b"{}")
    results = [path for path in tmp_path.rglob("*") if path.is_file()]
    run = Run(tmp_path)
    run.manifest.write(Manifest.of(tmp_path, results, name="Shapes", completed_at=5.5, seconds=2.5))
    return run


def test_the_manifest_lists_files_by_path_with_their_sha256(run):
    manifest = run.manifest()
    assert list(manifest.files) == ["model/weights", "report.json"]
    assert manifest.files["model/weights"] == ABC
    assert (manifest.version, manifest.name, manifest.completed_at, manifest.seconds) == (
        1,
        "Shapes",
        5.5,
        2.5,
    )
    assert json.loads((run.path / filenames.MANIFEST).read_text())["files"] == manifest.files


def test_a_changed_missing_or_unlisted_file_is_refused(run):
    (run.path / "report.json").write_bytes(b"{} ")
    (run.path / "more").write_bytes(b"abc")
    run.check_files("model/weights")
    run.check_files()
    for name in ("report.json", "more", "none", "model"):
        with pytest.raises(RunDamaged, match=f"^{name} of this run is not the file"):
            run.check_files("model/weights", name)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"files": {}}'])
def test_a_manifest_that_cannot_be_read_says_so(run, content):
    run.manifest.path.write_bytes(content)
    with pytest.raises(RunDamaged, match="is unfinished"):
        run.check_files("report.json")
