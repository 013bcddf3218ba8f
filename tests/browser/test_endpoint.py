from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser import chromium
from tests.browser.server import ROOT, start


def test_with_the_endpoint_beside_them_the_pages_work_as_without(
    chrome: Browser, tmp_path: Path
) -> None:
    visitor = chromium.context(chrome)
    with start(tmp_path / "home", app=ROOT / "server.py") as running:
        page = visitor.new_page()
        page.goto(f"{running.url}/reports?run={'0' * 32}")
        expect(page.get_by_text("No run with this id")).to_be_visible()
        chromium.follow(page, "Predict")
        page.get_by_role("button", name="A flower").click()
        expect(page.get_by_test_id("stPlotlyChart")).to_be_visible()
        answer = page.request.get(f"{running.url}/api/models")
        assert answer.json()["default"] == "efficientnet-lite0"
    visitor.close()
