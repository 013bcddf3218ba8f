from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser import chromium


@pytest.mark.parametrize(("width", "scheme"), [(chromium.WIDE, "light"), (chromium.NARROW, "dark")])
def test_each_page_opens_with_its_heading(
    open_page: Callable[..., Page], width: int, scheme: str
) -> None:
    for path in ("", "train", "reports"):
        page = open_page(path, width=width, scheme=scheme)
        assert page.locator("h1").count() == 1
        assert page.get_by_test_id("stException").count() == 0
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{path or 'predict'} is {overflow} pixels wider than the window"
