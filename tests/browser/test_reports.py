import secrets
import shutil
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from core.runs.run import Run
from tests.browser import chromium


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
