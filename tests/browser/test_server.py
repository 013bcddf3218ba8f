import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.server import Server, start

FIRST_PAGE = 3.0
"""Seconds that are promised for the first page."""
BUSY = 4
"""How much slower a machine may be that does other things at once."""
MEMORY = 350 * 1024**2


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that nobody has asked for anything."""
    with start(tmp_path_factory.mktemp("fresh") / "home") as running:
        yield running


def test_a_link_may_be_the_first_thing_that_a_server_is_asked_for(
    chrome: Browser, fresh: Server
) -> None:
    visitor = chromium.context(chrome)
    page = visitor.new_page()
    page.goto(f"{fresh.url}/reports?run={'0' * 32}")
    expect(page.get_by_text("No run with this id")).to_be_visible()
    expect(page.get_by_test_id("stTopNavLink")).to_contain_text(["Predict", "Train", "Reports"])
    visitor.close()


def test_the_first_page_is_there_at_once(chrome: Browser, fresh: Server) -> None:
    seconds = []
    for _ in range(2):  # the first time warms the server
        visitor = chromium.context(chrome)
        page = visitor.new_page()
        begun = time.monotonic()
        page.goto(fresh.url)
        expect(page.get_by_role("button", name="A flower")).to_be_visible()
        seconds.append(time.monotonic() - begun)
        visitor.close()
    print(f"first page: {seconds[0]:.1f} s cold, {seconds[1]:.1f} s warm")
    assert seconds[1] < FIRST_PAGE * BUSY


def test_the_web_process_stays_small_and_without_tensorflow(chrome: Browser, fresh: Server) -> None:
    visitor = chromium.context(chrome)
    page = visitor.new_page()
    page.goto(fresh.url)
    page.get_by_role("button", name="A flower").click()
    expect(page.get_by_test_id("stProgress").first).to_be_visible()
    for title in ("Train", "Reports", "Predict"):
        chromium.follow(page, title)
    visitor.close()
    print(f"web process: {fresh.memory() / 1024**2:.0f} MB")
    assert fresh.memory() < MEMORY
    loaded = {name for m in fresh.process.memory_maps() if "/tensorflow/" in (name := m.path)}
    assert not loaded
