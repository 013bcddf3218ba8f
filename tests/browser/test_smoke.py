from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.browser.server import Server


@pytest.mark.parametrize(("width", "scheme"), [(chromium.WIDE, "light"), (chromium.NARROW, "dark")])
def test_each_page_opens_with_its_heading(
    open_page: Callable[..., Page], server: Server, width: int, scheme: str
) -> None:
    page = open_page("", width=width, scheme=scheme)
    for path in ("", "train", "reports"):
        page.goto(f"{server.url}/{path}")
        chromium.settle(page)
        expect(page.locator("h1")).to_have_count(1)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert chromium.overflow(page) <= 0, f"{path or 'predict'} is wider than the window"
