from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.browser.server import Server


@pytest.mark.parametrize(("width", "scheme"), [(chromium.WIDE, "light"), (chromium.NARROW, "dark")])
def test_each_page_and_an_answer_fit_the_window(
    open_page: Callable[..., Page], server: Server, width: int, scheme: str
) -> None:
    page = open_page(width=width, scheme=scheme)
    chromium.press(page, "Palace")
    expect(page.get_by_test_id("stProgress").first).to_be_visible()
    for path in ("predict", "train", "reports"):
        if path != "predict":
            page.goto(f"{server.url}/{path}")
            chromium.settle(page)
        expect(page.locator("h1")).to_have_count(1)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert chromium.overflow(page) <= 0, f"{path} is wider than the window"
