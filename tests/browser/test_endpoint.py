import shutil
from pathlib import Path

from playwright.sync_api import Browser, expect

from core import runs
from core.runs.run import Run
from core.settings import Settings
from core.system import visitors
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


def test_a_reload_finds_ones_own_runs_and_no_script_sees_by_what(
    chrome: Browser, tmp_path: Path
) -> None:
    mine, other = chromium.context(chrome), chromium.context(chrome)
    with start(tmp_path / "home", app=ROOT / "server.py", TUSKER_MODE="public") as running:
        page = mine.new_page()
        page.goto(running.url)
        chromium.settle(page)
        (cookie,) = [one for one in mine.cookies() if one.get("name") == visitors.COOKIE]
        assert cookie.get("httpOnly") and cookie.get("sameSite") == "Lax"
        assert visitors.COOKIE not in page.evaluate("document.cookie")

        run = Run(runs.new_path(Settings(home=running.home)))
        shutil.copytree(runs.SAMPLE, run.path)
        run.annotate(lambda said: said.named("Digits of mine"))
        visitors.set_owner(run.path, visitors.visitor_id(cookie.get("value", "")))
        for _ in range(2):  # a new session each
            page.goto(f"{running.url}/reports")
            expect(page.get_by_role("button", name="Digits of mine", exact=True)).to_be_visible()
        stranger = other.new_page()
        stranger.goto(f"{running.url}/reports")
        expect(stranger.get_by_text("Nothing has been taught yet")).to_be_visible()
        expect(stranger.get_by_text("Digits of mine")).to_have_count(0)
    mine.close()
    other.close()
