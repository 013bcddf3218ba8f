from pathlib import Path

import pytest
from PIL import Image

from core import intake
from core.checks import Finding, Severity
from core.errors import BadArchive, BadDataset
from core.settings import Settings
from tests.shapes import draw, encoded, shapes_zip, zipped

LIMITS = Settings()
NOTE = Finding(severity=Severity.WARNS, code="note", sentence="From the camera.")


def test_an_intake_is_kept_with_its_notes_and_read_again(tmp_path: Path) -> None:
    path = shapes_zip(tmp_path, classes=2, per_class=4)
    folder = tmp_path / "intake"
    result = intake.ingest(path, "My flowers", folder, LIMITS, notes=[NOTE])
    assert result.dataset.name == "My flowers"
    assert NOTE in result.findings
    assert intake.load(folder) == result == intake.apply_remedies(folder, (), LIMITS)
    assert {path.name for path in folder.iterdir()} == {"pictures", "thumbnails", "intake.json"}
    for example in result.dataset.examples:
        with Image.open(intake.thumbnail(folder, example)) as thumbnail:
            assert thumbnail.format == "JPEG"
        assert (intake.pictures(folder) / example.path).is_file()


def test_labels_of_a_table_replace_folders_that_are_sites(tmp_path: Path) -> None:
    sites = ("dune", "fell", "lake", "mire", "moor", "wood")
    species = {f"{sites[n // 4]}/{n}.png": f"s{n % 2}" for n in range(24)}
    members = {name: encoded(draw(n % 2, n), "PNG") for n, name in enumerate(species)}
    unnamed, *named = species
    rows = [f"{name},{name[:4]},{species[name]}" for name in named]
    table = "\n".join(["file,site,species", *rows]).encode()
    (tmp_path / "upload.zip").write_bytes(zipped({**members, "list.csv": table}))
    folder = tmp_path / "intake"
    examined = intake.ingest(tmp_path / "upload.zip", "x", folder, LIMITS)
    assert examined.dataset.classes == sites
    (remedy,) = [f.remedy for f in examined.findings if f.code == "other_labels" and f.remedy]
    after = intake.apply_remedies(folder, [remedy], LIMITS)
    classes = {e.name: after.dataset.classes[e.label] for e in after.dataset.examples}
    assert classes == {name: species[name] for name in named}
    assert [skipped.name for skipped in after.dataset.skipped] == [unnamed]
    assert "other_labels" not in {finding.code for finding in after.findings}
    assert "list.csv:site" in {suggestion.by for suggestion in after.groupings}


def test_an_unfinished_intake_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(BadDataset):
        intake.load(tmp_path)
    (tmp_path / "upload.zip").write_bytes(b"no zip")
    with pytest.raises(BadArchive):
        intake.ingest(tmp_path / "upload.zip", "x", tmp_path / "intake", LIMITS)
    with pytest.raises(BadDataset):
        intake.load(tmp_path / "intake")
