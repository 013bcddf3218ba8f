import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core import runs
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors
from tests.browser import chromium
from tests.browser.server import ROOT, start


@pytest.mark.slow
def test_the_endpoint_serves_the_pages_and_a_reload_finds_the_visitors_own_runs(
    chrome: Browser, tmp_path: Path
) -> None:
    app = ROOT / "server.py"
    with (
        start(tmp_path / "home", app=app, TUSKER_MODE="public") as server,
        chromium.context(chrome) as owner,
        chromium.context(chrome) as other_visitor,
    ):
        page = owner.new_page()
        page.goto(f"{server.url}/reports?run={'0' * 32}")
        expect(page.get_by_text("No run with this id")).to_be_visible()
        chromium.follow(page, "Predict")
        page.get_by_role("button", name="Cat", exact=True).click()
        expect(page.get_by_test_id("stProgress").first).to_be_visible()
        models = page.request.get(f"{server.url}/api/models").json()
        assert models["default"] == "efficientnet-lite0"

        (cookie,) = [
            visitor_cookie
            for visitor_cookie in owner.cookies()
            if visitor_cookie.get("name") == visitors.COOKIE
        ]
        assert cookie.get("httpOnly") and cookie.get("sameSite") == "Lax"
        assert visitors.COOKIE not in page.evaluate("document.cookie")
        run = Run(runs.new_path(Settings(home=server.home)))
        shutil.copytree(runs.SAMPLE, run.path)
        run.annotate(lambda annotations: annotations.named("Digits of mine"))
        visitors.set_owner(run.path, visitors.visitor_id(cookie.get("value", "")))
        for _ in range(2):  # a new session each
            page.goto(f"{server.url}/reports")
            expect(page.get_by_role("button", name="Digits of mine", exact=True)).to_be_visible()
        page = other_visitor.new_page()
        page.goto(f"{server.url}/reports")
        chromium.settle(page)
        expect(page.locator("h1")).to_be_visible()
        expect(page.get_by_text("Digits of mine")).to_have_count(0)
