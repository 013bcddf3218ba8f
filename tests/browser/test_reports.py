import secrets
import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from core.evaluation import Report
from core.runs.run import Run
from tests.browser import chromium


@pytest.fixture
def report(trained_run: Run) -> Report:
    """What the file says."""
    return Report.model_validate_json((trained_run.path / "report.json").read_bytes())


def test_a_run_is_named_deleted_and_restored_by_keyboard(
    open_page: Callable[..., Page], trained_run: Run
) -> None:
    copy = trained_run.path.with_name(secrets.token_hex(16))
    shutil.copytree(trained_run.path, copy)
    page = open_page("reports?find=shapes")

    def open_menu() -> Locator:
        chromium.settle(page)
        page.locator(f".st-key-manage-{copy.name}").get_by_role("button").press("Enter")
        menu = page.get_by_test_id("stPopoverBody")
        expect(menu.get_by_role("button", name="Delete")).to_be_visible()
        return menu

    name = open_menu().get_by_role("textbox", name="Name")
    name.fill("A copy of shapes")
    name.press("Enter")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    expect(page.get_by_role("button", name="A copy of shapes", exact=True)).to_be_visible()

    open_menu()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stPopoverBody")).to_have_count(0)
    assert copy.is_dir()
    open_menu().get_by_role("button", name="Delete").press("Enter")
    expect(page.get_by_role("button", name="A copy of shapes", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Undo").press("Enter")
    expect(page.get_by_role("button", name="A copy of shapes", exact=True)).to_be_visible()
    chromium.settle(page)
    assert "find=shapes" in page.url
    shutil.rmtree(copy)


@pytest.mark.slow
def test_a_cell_of_the_matrix_shows_its_pictures(
    open_page: Callable[..., Page], trained_run: Run, report: Report
) -> None:
    page = open_page(f"reports?run={trained_run.id}&view=Confusions")
    cell = (report.predictions[0].label, report.predictions[0].predicted)
    row, column = cell
    grid = page.locator(".nsewdrag").bounding_box()
    size = len(report.classes)
    page.mouse.click(
        grid["x"] + grid["width"] * (column + 0.5) / size,
        grid["y"] + grid["height"] * (row + 0.5) / size,
    )
    predictions_in_cell = [p for p in report.predictions if (p.label, p.predicted) == cell]
    for prediction in predictions_in_cell:
        expect(page.get_by_alt_text(prediction.name)).to_be_visible()
    maps = 1 if cell[0] == cell[1] else 2
    expect(page.get_by_test_id("stImage")).to_have_count((1 + maps) * len(predictions_in_cell))
