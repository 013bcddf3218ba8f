from pathlib import Path

import pytest
from PIL import Image

from core import intake
from core.checks import Finding, Severity
from core.errors import BadArchive, BadDataset
from core.settings import Settings
from tests.shapes import shapes_zip

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


def test_an_unfinished_intake_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(BadDataset):
        intake.load(tmp_path)
    (tmp_path / "upload.zip").write_bytes(b"no zip")
    with pytest.raises(BadArchive):
        intake.ingest(tmp_path / "upload.zip", "x", tmp_path / "intake", LIMITS)
    with pytest.raises(BadDataset):
        intake.load(tmp_path / "intake")
