from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.runs.run import Run
from tests.browser import chromium
from tests.browser.server import Server


@pytest.mark.parametrize("width", [chromium.WIDE, chromium.NARROW])
def test_each_page_fits_the_window_and_is_accessible(
    open_page: Callable[..., Page], server: Server, trained_run: Run, width: int
) -> None:
    page = open_page(width=width)
    assert not chromium.axe_violations(page)
    chromium.press(page, "Palace")
    expect(page.get_by_test_id("stProgress").first).to_be_visible()
    for path in ("predict", "train", "reports", f"train?run={trained_run.id}"):
        if path != "predict":
            page.goto(f"{server.url}/{path}")
            chromium.settle(page)
        expect(page.locator("h1")).to_have_count(1)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert chromium.overflow(page) <= 0, f"{path} is wider than the window"
        assert not chromium.axe_violations(page), path
