import urllib.request
from collections.abc import Callable

from playwright.sync_api import Page, expect

from core import runs
from core.runs.run import Run
from tests.browser import chromium
from tests.browser.server import Server


def test_the_app_alone_runs_without_the_api(server: Server) -> None:
    # Streamlit answers unknown paths with its index page.
    with urllib.request.urlopen(f"{server.url}/api/health", timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/html")


def test_each_page_fits_narrow_and_wide_windows_and_is_accessible(
    open_page: Callable[..., Page], server: Server, trained_run: Run
) -> None:
    page = open_page()
    chromium.press(page, "Palace")
    expect(page.get_by_test_id("stProgress").first).to_be_visible()
    compared = f"reports?compare={trained_run.id},{runs.SAMPLE.name}"
    titles = {
        **{title: title for title in ("Predict", "Train", "Reports")},
        f"train?run={trained_run.id}": trained_run.dataset().name,
        compared: "Reports",
    }
    for path, title in titles.items():
        if "?" in path:
            page.goto(f"{server.url}/{path}")
            chromium.settle(page)
        elif path != "Predict":
            chromium.follow(page, path)
        expect(page).to_have_title(f"{title} · Tusker")
        expect(page.locator("h1")).to_have_count(1)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        assert chromium.overflow(page) <= 0, f"{path} is wider than a wide window"
        page.set_viewport_size({"width": chromium.NARROW, "height": 900})
        chromium.settle(page)
        assert chromium.overflow(page) <= 0, f"{path} is wider than a narrow window"
        assert not chromium.axe_violations(page), path
        page.set_viewport_size({"width": chromium.WIDE, "height": 900})
