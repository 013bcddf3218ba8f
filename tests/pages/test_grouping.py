"""Pictures of one site kept together, from the Train page to the report."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core import intake
from core.evaluation.inflation import Inflation
from core.evaluation.report import Estimate
from core.intake.uploads import Upload
from core.runs import Run
from core.settings import Settings
from tests.pages.conftest import finish_intake
from tests.pages.visitor import Visitor
from tests.shapes import draw, encoded, sites_zip, zipped

TOGETHER = "Keep together in training or test"
PLACES = ("bay", "hill", "lake", "mill", "north", "port")


@pytest.fixture
def sites_upload(tmp_path: Path, host: Settings) -> Upload:
    """An examined upload of pictures at twelve sites."""
    examined = Upload(host.home / "uploads" / ("0a" * 16))
    intake.ingest(sites_zip(tmp_path), "Sites", examined.path, host)
    finish_intake(examined.job)
    return examined


def _table(upload: Upload, groups: int) -> tuple[str, bytes]:
    """A table that puts two pictures after each other into each group in turn."""
    names = [example.name for example in upload.intake().dataset.examples]
    rows = "".join(f"{name},w{number // 2 % groups}\n" for number, name in enumerate(names))
    return "list.csv", f"file,who\n{rows}".encode()


def test_detected_groups_are_offered_described_and_used(
    visitor: Visitor, sites_upload: Upload, run_of_visitor: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=sites_upload.id)
    box = visitor.field(TOGETHER)
    assert box.value == "", "nothing is preselected"
    assert box.options[1:] == ["12 groups by file-name prefix, such as site00"]
    assert "Kept together" not in visitor.text()
    first_class = f"{sites_upload.intake().dataset.classes[0]} · "
    assert visitor.text().index(first_class) < visitor.text().index(TOGETHER), "pictures come first"
    visitor.fill(TOGETHER, "prefix")
    assert "12 groups by file-name prefix (site00, site01, site02 and 9 more)" in visitor.text()
    assert "With 34 groups" in visitor.text()
    reloaded = Visitor().open("train", upload=sites_upload.id)
    assert reloaded.value(TOGETHER) == "prefix", (
        "a reload begins a new session, which forgets nothing"
    )
    visitor.press("Start training")
    run = run_of_visitor(visitor)
    assert run.dataset().grouped_by == "prefix"
    assert "groups" in {finding.code for finding in run.findings()}


def test_pictures_without_groups_are_offered_none(visitor: Visitor, upload: Upload) -> None:
    visitor.open("train", upload=upload.id)
    assert TOGETHER not in [box.label for box in visitor.at.selectbox]


def test_a_table_beside_the_pictures_groups_them(
    visitor: Visitor, upload: Upload, run_of_visitor: Callable[[Visitor], Run]
) -> None:
    visitor.open("train", upload=upload.id).upload(("list.csv", b"something,else\n1,2\n"))
    assert "found none in list.csv" in visitor.text()
    visitor.upload(_table(upload, 7))
    assert visitor.value(TOGETHER) == "list.csv:who"
    assert "7 groups by the column who of list.csv" in visitor.text()
    visitor.press("Start training")
    groups = [example.group_name for example in run_of_visitor(visitor).dataset().examples]
    assert groups == [f"w{number // 2 % 7}" for number in range(len(groups))]


def test_folders_are_no_groups_any_more_once_they_are_classes_again(
    visitor: Visitor, host: Settings, tmp_path: Path
) -> None:
    names = [f"{place}/{number}.jpg" for place in PLACES for number in range(8)]
    members = {name: encoded(draw(i % 2, i)) for i, name in enumerate(names)}
    rows = "".join(f"{name},{('circle', 'square')[i % 2]}\n" for i, name in enumerate(names))
    archive = tmp_path / "places.zip"
    archive.write_bytes(zipped(members | {"labels.csv": f"file,species\n{rows}".encode()}))
    upload = Upload(host.home / "uploads" / ("0b" * 16))
    intake.ingest(archive, "Sites", upload.path, host)
    finish_intake(upload.job)
    visitor.open("train", upload=upload.id).press("Use the column species of labels.csv")
    visitor.fill(TOGETHER, "folder").press("Undo")
    assert "6 classes" in visitor.text()
    assert not visitor.at.error
    visitor.press("Use the column species of labels.csv")
    assert visitor.value(TOGETHER) == "folder"


def test_each_table_of_another_tab_groups_the_pictures_of_this_one(
    visitor: Visitor, sites_upload: Upload
) -> None:
    visitor.open("train", upload=sites_upload.id).fill(TOGETHER, "prefix")
    other = Visitor().open("train", upload=sites_upload.id)
    for groups in (7, 9):  # the later one has the same name
        other.upload(_table(sites_upload, groups))
        assert f"{groups} groups by the column who of list.csv" in visitor.rerun().text()
        assert visitor.value(TOGETHER) == "list.csv:who"


def test_the_report_shows_how_much_an_ordinary_split_would_have_flattered(
    visitor: Visitor, run: Run
) -> None:
    question = "How much better would an ordinary split have looked?"
    visitor.open("reports", run=run.id, view="Data")
    assert question not in visitor.text()
    run.inflation.write(
        Inflation(
            pictures=120,
            groups=10,
            grouped=Estimate(value=0.24, low=0.13, high=0.38),
            ordinary=Estimate(value=0.66, low=0.48, high=0.81),
            difference=Estimate(value=0.42, low=0.24, high=0.58),
        )
    )
    visitor.open("reports", run=run.id, view="Data")
    assert question in visitor.text()
    assert "+42 points (+24 to +58)" in [metric.value for metric in visitor.at.metric]
